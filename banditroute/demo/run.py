"""The demo from start to end: serve, play, compare, and serve on until Ctrl-C."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType

from rich.console import Console

from banditroute.config.load import load_settings
from banditroute.config.starter import write_starter
from banditroute.demo import judged
from banditroute.demo.play import play
from banditroute.demo.plots import draw
from banditroute.demo.result import DemoResult, compare, print_result
from banditroute.demo.rules import static_choices
from banditroute.demo.scores import Choices, Scoreboard, best_static
from banditroute.demo.screen import PLAIN_WIDTH, Tally, screen
from banditroute.demo.server import HOST, ended, free_port, serving
from banditroute.offline.verbatim import verbatim_console
from banditroute.upstream.simulated import SimulatedWorld


def run(
    requests: int, port: int, *, leave: bool, seed: int, json_path: str | None, plot_path: Path | None
) -> None:
    """Plays the demo; raises BanditrouteError where the service fails, and always stops it.

    With `json_path` "-" the JSON goes to standard output and everything else to standard error.
    """
    to_stdout = json_path == "-"
    stream = sys.stderr if to_stdout else sys.stdout
    console = verbatim_console(stream, width=None if stream.isatty() else PLAIN_WIDTH)
    with _ending_on_signals(), tempfile.TemporaryDirectory(prefix="banditroute-demo-") as folder:
        config = Path(folder) / "banditroute.toml"
        write_starter(config)
        with config.open("a", encoding="utf-8") as more:
            more.write(judged.CONFIG)
        wanted, port = port, free_port(port)
        url = f"http://{HOST}:{port}"
        if port != wanted:
            console.print(f"Port {wanted} is taken; using {port}.")
        console.print(f"Starting the service on {url} …")
        with serving(config, port) as process:
            result = _play_and_compare(console, config, url, SimulatedWorld(seed), requests, plot_path)
            print_result(console, result)
            if json_path is not None:
                text = json.dumps(result.to_dict(), indent=2) + "\n"
                sys.stdout.write(text) if to_stdout else Path(json_path).write_text(text)
            if not leave:
                _serve_on(console, process, config, url)


def _play_and_compare(
    console: Console, config: Path, url: str, world: SimulatedWorld, requests: int, plot_path: Path | None
) -> DemoResult:
    settings = load_settings(config, env={})
    outcomes = world.outcomes(requests)
    board = Scoreboard(tuple(model.id for model in world.models), outcomes, settings.reward.weights)
    asked = [world.request(index) for index in range(requests)]
    rules = static_choices(settings, board.models, asked, world.seed)
    tally = Tally(board.models, outcomes.utility(board.weights), {rule.policy: rule.model for rule in rules})

    with screen(console, requests) as view:

        def on_choice(index: int, model: int) -> None:
            tally.add(index, model)
            view.update(tally)

        played = play(url, board.models, asked, outcomes, on_choice)

    learned = Choices(settings.policy.name, played.model, learns=True)
    classes = world.requests(requests).request_class
    choices = [learned, *rules, board.best_single(), board.per_class_best(classes)]
    console.print("Waiting for the judge …")
    known = judged.judged(url, settings, board.models, outcomes)
    result = compare(board, choices, played, known, world.seed)
    if plot_path is not None:
        base = next(rule for rule in rules if rule.policy == best_static(result.scores).policy)
        draw(board, learned, [*rules, choices[-1]], base, plot_path)
    return result


def _serve_on(console: Console, process: subprocess.Popen[bytes], config: Path, url: str) -> None:
    """Keeps the service up until Ctrl-C, which is the normal end."""
    try:
        console.print(
            f"\nThe service goes on. Open {url} in a browser to look at it (API: {url}/docs), or try it:\n\n"
            f"""  curl -s {url}/v1/route -H 'content-type: application/json' """
            """-d '{"prompt": "Translate this letter into German."}'\n\n"""
            "Ctrl-C ends it.",
            soft_wrap=True,
        )
        process.wait()
    except KeyboardInterrupt:
        console.print("Stopped.")
        return
    raise ended(process, config)


@contextmanager
def _ending_on_signals() -> Iterator[None]:
    """Lets SIGTERM and a closed terminal unwind like any other end, so that the service is stopped."""

    def end(number: int, frame: FrameType | None) -> None:
        raise SystemExit(128 + number)

    names = [getattr(signal, name) for name in ("SIGTERM", "SIGHUP") if hasattr(signal, name)]
    before = {number: signal.signal(number, end) for number in names}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
