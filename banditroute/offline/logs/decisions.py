"""Assembling a log of decisions from its checked rows, one column at a time."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, get_args

import numpy as np
from numpy.typing import NDArray

from banditroute.offline.logs.cells import FACTORS, TYPED, feature_names
from banditroute.offline.logs.choices import TOLERANCE, Candidates, read_candidates, read_pmf
from banditroute.offline.logs.decisionlog import Bools, DecisionLog, Floats, Ints
from banditroute.offline.logs.files import counted, refused_rows
from banditroute.offline.logs.judged import judged_rows
from banditroute.offline.logs.prompts import prompts_of
from banditroute.offline.logs.queries import codes, column, floats, ints, texts
from banditroute.offline.logs.shape import check_models
from banditroute.offline.logs.source import LogFile
from banditroute.offline.logs.table import Rows, place_in_file
from banditroute.types import Kind


@dataclass(slots=True)
class _Sieve:
    """Which rows are kept. `number` is each row's place in the file, from 1."""

    file: LogFile
    rows: Rows
    number: Ints
    keep: Bools
    skip_bad: bool

    def settle(self, bad: Bools, what: str, remedy: str) -> None:
        """Refuses the rows that are `bad`, or leaves them out with a note."""
        bad = bad & self.keep
        count = int(bad.sum())
        if not count:
            return
        first = place_in_file(self.file, int(self.number[bad.argmax()]))
        sentence = f"{counted(count, 'row has', 'rows have')} {what} (the first is row {first:,})"
        if not self.skip_bad or count == self.keep.sum():
            raise refused_rows(self.file.path, sentence, remedy, others=count < self.keep.sum())
        self.keep &= ~bad
        self.rows.notes.append(f"Left out: {sentence}.")


def assemble_decisions(
    file: LogFile, rows: Rows, *, skip_bad: bool, drawn_only: bool, complete: bool = True
) -> DecisionLog:
    """The arrays of a log with one row per request. Refuses what its columns contradict one another in."""
    connection, found = rows.connection, rows.found
    number = ints(connection, "row", "outcomes")
    sieve = _Sieve(file, rows, number, np.ones(len(number), np.bool_), skip_bad)
    chosen, names = codes(connection, "model", "outcomes")
    candidates = read_candidates(rows) if "candidates" in found else None
    if candidates:
        sieve.settle(
            ~candidates.readable(), f"no list of models in {found['candidates']}",
            'write a JSON list, ["a", "b"], in every row, or leave the column out',
        )  # fmt: skip
    models = _models(names, chosen, candidates, sieve.keep)
    place = {model: a for a, model in enumerate(models)}
    action = np.array([place.get(name, -1) for name in names])[chosen]
    eligible = candidates.eligible(models) if candidates else None
    if eligible is not None:
        sieve.settle(
            ~eligible[np.arange(len(action)), action], "a model that is not among its candidates",
            f"add it to {found['candidates']}, which lists every model that could have been chosen",
        )  # fmt: skip
    propensity = _propensity(sieve, drawn_only, complete)
    pmf = _pmf(sieve, candidates, models, action, propensity)
    order = _order(rows, number)
    order = order[sieve.keep[order]]

    def numbers(name: str) -> Floats:
        return floats(connection, TYPED.get(name, name), "outcomes")[order]

    def listed(name: str) -> list[str | None] | None:
        if name not in found:
            return None
        cells = texts(connection, name, "outcomes")
        return [cells[row] for row in order.tolist()]

    judged = judged_rows(rows)
    class_index, classes = codes(connection, "class", "outcomes")
    used, class_index = np.unique(class_index[order], return_inverse=True)
    unknown = np.full(len(order), np.nan)
    return DecisionLog(
        kind="observational" if propensity is None else "logged",
        request_ids=_ids(rows, order),
        models=models,
        classes=tuple(classes[c] for c in used.tolist()),
        class_index=class_index.astype(np.int64),
        action=action[order],
        **{name: numbers(name) if name in found else unknown.copy() for name in FACTORS},
        input_tokens=numbers("input_tokens") if "input_tokens" in found else unknown,
        propensity=None if propensity is None else propensity[order],
        at=numbers("at") if "at" in found else None,
        unit=listed("unit"),
        prompts=prompts_of(file, found, number[order]) if "prompt" in found else None,
        features=dict(zip(rows.features, map(numbers, feature_names(rows.features)), strict=True)),
        eligible=None if eligible is None else eligible[order],
        pmf=None if pmf is None else pmf[order],
        policy=listed("policy"),
        variant=listed("variant"),
        source=listed("source"),
        judged=None if judged is None else judged.of(order),
        notes=tuple(rows.notes),
    )


def _models(names: list[str], chosen: Ints, candidates: Candidates | None, keep: Bools) -> tuple[str, ...]:
    """Every model that was chosen or could have been, sorted."""
    there = {names[code] for code in np.unique(chosen[keep]).tolist()}
    if candidates:
        for code in np.unique(candidates.code[keep]).tolist():
            there.update(candidates.sets[code] or ())
    check_models(sorted(there))
    return tuple(sorted(there))


def _propensity(sieve: _Sieve, drawn_only: bool, complete: bool) -> Floats | None:
    """The propensities; None where there are none, or not of every row and the log is not to be cut."""
    rows = sieve.rows
    if "propensity" not in rows.found:
        return None
    propensity = floats(rows.connection, "propensity", "outcomes")
    absent = np.isnan(propensity) & sieve.keep
    if not absent.any() or absent.sum() == sieve.keep.sum():
        return None if absent.any() else propensity
    undrawn, kinds = _undrawn(rows)
    if (undrawn | ~absent).all():
        some = f"{absent.sum():,} of {sieve.keep.sum():,} decisions"
        told = f"{some} were not drawn ({kinds}) and have no propensity"
        if not drawn_only:
            rows.notes.append(f"{told}: the log is taken as observational.")
            return None
        rows.notes.append(f"Left out: {told}.")
        sieve.keep &= ~absent
        return propensity
    have = "has" if absent.sum() == 1 else "have"
    what = f"{absent.sum():,} of {counted(int(sieve.keep.sum()), 'decision')} {have} no propensity"
    if not complete:
        rows.notes.append(f"{what}: the log is taken as observational.")
        aside = absent & undrawn & drawn_only
        if aside.any():
            rows.notes.append(f"Left out: {counted(int(aside.sum()), 'decision')} not drawn ({kinds}).")
            sieve.keep &= ~aside
        return None
    if not sieve.skip_bad:
        raise refused_rows(rows.path, what, "give it for every row")
    rows.notes.append(f"Left out: {what}.")
    sieve.keep &= ~absent
    return propensity


def _undrawn(rows: Rows) -> tuple[Bools, str]:
    """Which rows say of themselves that they were not drawn, and in which ways."""
    if "kind" not in rows.found:
        return np.zeros(1, np.bool_), ""
    code, kinds = codes(rows.connection, "kind", "outcomes")
    others = [kind for kind in kinds if kind in get_args(Kind) and kind != "drawn"]
    return np.array([kind in others for kind in kinds] + [False])[code], ", ".join(others)


def _pmf(
    sieve: _Sieve,
    candidates: Candidates | None,
    models: tuple[str, ...],
    action: Ints,
    propensity: Floats | None,
) -> Floats | None:
    """The logged pmf, where every row has one and it agrees with the propensity."""
    found = sieve.rows.found
    if "pmf" not in found or candidates is None or propensity is None:
        return None
    pmf, there, right = read_pmf(sieve.rows, candidates, models)
    sieve.settle(
        there & ~right, f"no list of probabilities, one per candidate, in {found['pmf']}",
        "they must not be negative, and sum to 1",
    )  # fmt: skip
    drawn_from = pmf[np.arange(len(action)), action]
    sieve.settle(
        there & ~(np.abs(drawn_from - propensity) <= TOLERANCE),
        f"a propensity that is not the probability its {found['pmf']} gives the model",
        "log the number that the choice was drawn with",
    )  # fmt: skip
    return pmf if there[sieve.keep].all() else None


def _order(rows: Rows, number: Ints) -> Ints:
    """Places of the rows in time order where the log has times, else in order of their ids."""
    timed = "at" in rows.found
    if timed and (np.diff(floats(rows.connection, "decided_at", "outcomes")) > 0).all():
        return np.arange(len(number))
    keys = "decided_at, request_id" if timed else "request_id"
    return np.searchsorted(number, ints(rows.connection, "row", f"outcomes ORDER BY {keys}"))


def _ids(rows: Rows, order: Ints) -> NDArray[Any]:
    return np.asarray(column(rows.connection, "request_id", "outcomes"))[order]
