"""Where the demo writes: told before the work what would fail after it."""

from __future__ import annotations

from pathlib import Path

from banditroute.errors import BanditrouteError


class CannotWrite(BanditrouteError):
    """A file that was asked for cannot be written."""

    code = "cannot_write"


def check_outputs(json_path: str | None, plot_path: Path | None) -> None:
    """Refuses places that cannot be written, and pictures that cannot be drawn."""
    if json_path is not None and json_path != "-":
        _check_place(Path(json_path))
    if plot_path is not None:
        _check_picture(plot_path)
        _check_place(plot_path)


def _check_place(path: Path) -> None:
    there = path.exists()
    try:
        path.open("a").close()
        if not there:
            path.unlink()
    except FileNotFoundError:
        raise CannotWrite(f"{path}: there is no folder {path.parent}; make it first.") from None
    except OSError as error:
        raise CannotWrite(f"{path} cannot be written ({error.strerror}); choose another place.") from None


def _check_picture(path: Path) -> None:
    try:
        from banditroute.demo.plots import kinds

        known = kinds()
    except ImportError:
        raise CannotWrite(
            "Plots need matplotlib; install it with: python -m pip install matplotlib"
        ) from None
    if path.suffix.lstrip(".").lower() not in known:
        raise CannotWrite(f"{path}: the ending tells the kind of picture; use .png, .svg or .pdf.")
