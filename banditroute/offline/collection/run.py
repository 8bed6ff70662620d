"""`collect`: prompts × models × judge as a full-information log, within a cap, in one start or several."""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import msgspec

from banditroute.errors import LogError, UpstreamError
from banditroute.offline.collection.findings import Collected, figures
from banditroute.offline.collection.gathering import Gathering, Progress
from banditroute.offline.collection.journal import ENDING, Cell, Journal
from banditroute.offline.collection.plan import Plan
from banditroute.offline.collection.prompts import Prompt, Prompts
from banditroute.offline.logs.files import some
from banditroute.offline.logs.source import connect
from banditroute.offline.logs.writing import check_target, write_log
from banditroute.routing.redaction import Redactor

TYPES = {
    "request_id": "VARCHAR",
    "request_class": "VARCHAR",
    "prompt": "VARCHAR",
    "input_tokens": "BIGINT",
    "model": "VARCHAR",
    "quality": "DOUBLE",
    "usd": "DOUBLE",
    "seconds": "DOUBLE",
    "output_tokens": "BIGINT",
    "source": "VARCHAR",
    "judge": "VARCHAR",
    "judge_quality": "DOUBLE",
    "judge_usd": "DOUBLE",
    "error": "VARCHAR",
}
"""The columns that are written. `judge` is the instrument (`MODEL/RUBRIC`), `judge_quality` what it
said, which stays where people score the answer too, `judge_usd` what its verdict
cost, which is no part of `usd`; `error` is why there is no answer."""


def collect(
    plan: Plan,
    prompts: Prompts,
    out: Path,
    *,
    cap: float,
    hands: int = 8,
    keep_prompts: bool = True,
    progress: Progress = lambda done, total, what: None,
    started: Callable[[asyncio.Event], None] = lambda stop: None,
) -> Collected:
    """Asks every model of the plan every prompt, has the answers judged, and writes the log `out`.

    At most `cap` USD are spent on it, those of earlier starts included, and at most `hands` calls are under
    way at a time. What was paid for stands in a journal beside the log until everything is done: another
    start goes on where this one ended, however it ended. The log holds whole prompts only. `started` hears
    of an event that may be set to end early and in order.

    Raises LogError where there is nothing to write or no place for it, ConfigError where a key is missing,
    UpstreamError where a provider is out.
    """
    check_target(out)
    _check_anew(out)
    redactor = Redactor(plan.settings.judge)
    prompts = fitting(plan, prompts)
    asked, notes = prompts.sample, prompts.notes
    _check_cap(plan, asked, cap, out)
    journal = Journal(out)
    done = False
    try:
        gathering = asyncio.run(_gathered(plan, asked, journal, cap, hands, progress, started))
        whole = list(_whole(plan, asked, journal))
        if not whole:
            raise LogError(f"No prompt is finished, so there is no log yet; {_next_step(gathering, cap)}")
        _write(plan, whole, out, redactor if keep_prompts else None)
        done = len(whole) == len(asked)
        lost = [f"No verdict for {count:,} answers: {why}" for why, count in gathering.lost.items()]
        step = None if done else _next_step(gathering, cap)
        return figures(plan, out, whole, len(asked), journal, cap, (*notes, *lost), step)
    except UpstreamError as error:
        raise UpstreamError(
            f"{error} What is finished stands in {journal.path.name}: once that is mended, start again, or "
            f"go on without it by naming the other models with --model. {journal.spent:.4f} USD are spent."
        ) from error
    finally:
        journal.close(done=done)


async def _gathered(
    plan: Plan,
    prompts: Sequence[Prompt],
    journal: Journal,
    cap: float,
    hands: int,
    progress: Progress,
    started: Callable[[asyncio.Event], None],
) -> Gathering:
    gathering = Gathering(plan, prompts, journal, cap=cap, hands=hands)
    started(gathering.stop)
    await gathering.run(progress)
    return gathering


def most_usd(plan: Plan, prompts: Sequence[Prompt]) -> float:
    """USD that asking prompts, which have their classes, can cost at most."""
    return sum(cell.most for prompt in prompts for cell in plan.cells(prompt))


def _check_anew(out: Path) -> None:
    """A log that is finished is not paid for again."""
    if out.exists() and not out.with_name(out.name + ENDING).exists():
        raise LogError(f"{out} is there already, and finished; name another log, or remove it.")


def _check_cap(plan: Plan, prompts: Sequence[Prompt], cap: float, out: Path) -> None:
    """Refuses a cap under which nothing could be begun."""
    most = sum(cell.most for cell in plan.cells(prompts[0]))
    if most > cap and not out.with_name(out.name + ENDING).exists():
        raise LogError(
            f"The first prompt alone may cost up to {most:.4f} USD with all models and verdicts, and the cap "
            f"is {cap:g}; raise --usd, or lower --max-tokens."
        )


def fitting(plan: Plan, prompts: Prompts) -> Prompts:
    """The prompts with their classes, without those that a model cannot read; a note says of these."""
    kept: list[Prompt] = []
    long: dict[str, int] = {}
    for prompt in map(plan.classified, prompts.sample):
        if (model := plan.too_long_for(prompt)) is None:
            kept.append(prompt)
        else:
            long[model] = long.get(model, 0) + 1
    notes = [f"Left out: {count:,} prompts are too long for {model}." for model, count in long.items()]
    if not kept:
        raise LogError(f"Every prompt is too long for {some(long)}; leave it out with --model.")
    return Prompts(kept, prompts.total, (*prompts.notes, *notes))


def _whole(plan: Plan, prompts: Sequence[Prompt], journal: Journal) -> Iterator[tuple[Prompt, list[Cell]]]:
    """The prompts whose cells are all there, with them."""
    for prompt in prompts:
        cells = [journal.cells.get(asked.key) for asked in plan.cells(prompt)]
        complete = [cell for cell in cells if cell is not None]
        if len(complete) == len(cells):
            yield prompt, complete


def _next_step(gathering: Gathering, cap: float) -> str:
    if gathering.spent_out:
        return f"the next one may cost more than is left of {cap:g} USD: start again with a higher --usd."
    return "start again to go on."


def _write(
    plan: Plan, whole: Sequence[tuple[Prompt, list[Cell]]], out: Path, redactor: Redactor | None
) -> None:
    """Writes the rows as a log."""
    columns = {name: kind for name, kind in TYPES.items() if redactor is not None or name != "prompt"}
    connection = connect()
    try:
        with tempfile.TemporaryDirectory(prefix="banditroute-collect-") as folder:
            flat = Path(folder) / "rows.jsonl"
            with flat.open("wb") as file:
                for prompt, cells in whole:
                    shown = None if redactor is None else redactor({"prompt": prompt.text}).get("prompt")
                    rows = [_row(plan, prompt, cell, shown) for cell in cells]
                    file.write(msgspec.json.Encoder().encode_lines(rows))
            rows_of = connection.read_json(str(flat), columns=columns, format="newline_delimited")
            rows_of.create_view("rows_of_cells")
            write_log(connection, "SELECT * FROM rows_of_cells", out)
    finally:
        connection.close()


def _row(plan: Plan, prompt: Prompt, cell: Cell, shown: str | None) -> dict[str, object]:
    judged = plan.instrument is not None and cell.error is None and cell.quality is not None
    return {
        "request_id": prompt.request_id,
        "request_class": prompt.request_class,
        "prompt": shown,
        "input_tokens": cell.input_tokens,
        "model": cell.model,
        "quality": cell.quality,
        "usd": cell.usd,
        "seconds": cell.seconds,
        "output_tokens": cell.output_tokens,
        "source": "judge" if judged else "meter" if cell.error else None,
        "judge": plan.instrument.name if judged and plan.instrument else None,
        "judge_quality": cell.quality if judged else None,
        "judge_usd": cell.judge_usd if judged else None,
        "error": cell.error,
    }
