"""The commented configuration that `banditroute init` writes; it works as written."""

from __future__ import annotations

from pathlib import Path

from banditroute.errors import ConfigError


def starter_text() -> str:
    """The starter configuration, as shipped."""
    return Path(__file__).with_name("starter.toml").read_text(encoding="utf-8")


def write_starter(path: Path, *, force: bool = False) -> None:
    """Writes it to `path`, over another file only with `force`."""
    try:
        with path.open("w" if force else "x", encoding="utf-8") as file:
            file.write(starter_text())
    except FileExistsError:
        raise ConfigError(
            f"{path} is there already; choose another name, or --force to write over it."
        ) from None
    except FileNotFoundError:
        raise ConfigError(f"{path}: there is no folder {path.parent}; make it first.") from None
    except OSError as error:
        raise ConfigError(f"{path} cannot be written ({error.strerror}); choose another place.") from None
