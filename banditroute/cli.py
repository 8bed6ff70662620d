"""The `banditroute` command: a map of verbs, each loaded when it is asked for, and one end for errors.

Exit codes: 0 done; 1 it failed; 2 misuse, a wrong configuration or a wrong log; 130 interrupted.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from importlib import import_module

import click

from banditroute import __version__
from banditroute.errors import BanditrouteError, ConfigError, LogError

VERBS = {
    "demo": "Watch it learn: the real service, simulated models, real HTTP.",
    "init": "Write a commented starter configuration.",
    "check": "Validate the configuration and list what it declares.",
    "serve": "Start the service.",
    "simulate": "Replay a log under policies and static rules.",
    "report": "What routing saved and how good the answers were.",
    "calculate": "What routing would cost, for those without a log.",
    "evaluate": "Estimate what policies would have earned on a log of decisions.",
    "import": "Convert a known log format to a log.",
    "export": "Write the event log as a log of decisions.",
    "fit": "Learn priors from history, to start from.",
    "collect": "Ask several models the same prompts, for a log to begin with.",
    "probe": "Give models the golden set before they get traffic.",
    "experiments": "List, start and stop experiments in live traffic.",
    "reset": "Learn a model afresh, since it is not what it was.",
    "rebuild": "Fold the whole event log and compare with the snapshot.",
    "db": "Bring the tables of the event log up to date.",
    "keys": "Make, list and revoke API keys.",
    "judge": "Judge sampled answers, in a process of its own.",
}
"""Verb -> what `--help` says of it, so that the list needs no verb's code."""

_SHARED_MODULES = {"rebuild": "serve", "import": "import_"}
"""Verbs that live in another verb's module, or whose name is no name of a module."""


_FUNCTIONS = {"import": "import_"}
"""Verbs whose name is a keyword of Python."""


class LazyGroup(click.Group):
    """A group whose verbs live in `banditroute.commands.VERB`, imported only to run or explain them."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(VERBS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in VERBS:
            return None
        module = import_module(f"banditroute.commands.{_SHARED_MODULES.get(cmd_name, cmd_name)}")
        command: click.Command = getattr(module, _FUNCTIONS.get(cmd_name, cmd_name))
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Verbs"):
            formatter.write_dl(list(VERBS.items()))

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        if args and args[0] not in VERBS and not args[0].startswith("-"):
            from banditroute.config.checks import nearest

            raise click.UsageError(f'There is no verb "{args[0]}"; {nearest(args[0], VERBS)}', ctx)
        return super().resolve_command(ctx, args)


@click.group(
    cls=LazyGroup,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
    epilog="Example: banditroute init && banditroute serve",
)
@click.version_option(__version__, prog_name="banditroute")
def cli() -> None:
    """Learns which language model to use for which request, from quality, cost and latency."""


def main(args: Sequence[str] | None = None) -> None:
    """Runs the command and exits: one sentence on stderr where something is wrong, never a traceback."""
    try:
        code = cli.main(args, prog_name="banditroute", standalone_mode=False)
    except click.exceptions.NoArgsIsHelpError as error:
        _fail(error.format_message(), 2)
    except click.ClickException as error:
        hint = (
            f" (see {error.ctx.command_path} --help)"
            if isinstance(error, click.UsageError) and error.ctx
            else ""
        )
        _fail(f"{error.format_message()}{hint}", error.exit_code)
    except (ConfigError, LogError) as error:
        _fail(str(error), 2)
    except BanditrouteError as error:
        _fail(str(error), 1)
    except (KeyboardInterrupt, click.Abort) as error:
        if isinstance(error.__cause__, EOFError):  # which click takes for the end of a dialogue
            _fail_by(error.__cause__)
        sys.exit(130)
    except OSError as error:
        place = f"{error.filename}: " if error.filename else ""
        _fail(f"{place}{error.strerror or error}; check the path and its permissions.", 1)
    except Exception as error:  # noqa: BLE001 (told, with a way to see where)
        _fail_by(error)
    sys.exit(code if isinstance(code, int) else 0)


def _fail_by(defect: Exception) -> None:
    if os.environ.get("BANDITROUTE_TRACEBACK"):
        raise defect
    what = f"{type(defect).__name__}: {defect}"
    _fail(f"banditroute has a defect ({what}); BANDITROUTE_TRACEBACK=1 shows where: please report it.", 1)


def _fail(message: str, code: int) -> None:
    click.echo(message, err=True)
    sys.exit(code)
