"""How kernels are compiled: with explicit signatures, once, and kept on disk for every later start.

numba keeps a compiled function as long as the file that defines it does not change, though it holds
the code of whatever kernels it calls, from other files too. So the folder of the cache is named by a
hash of all the kernels together: a change in one recompiles all.
"""

from __future__ import annotations

import hashlib
import os
import tempfile
from collections.abc import Callable
from functools import lru_cache
from pathlib import Path
from typing import Any

import numba

_config: Any = numba.config

_ANY_ORDER = {"reassoc", "nsz"}

KERNELS = (
    "kernels.py", "choosing.py", "refit.py", "blend.py", "weighing.py", "loop.py", "offpolicy.py",
    "feedback/borders.py", "feedback/credibility.py", "feedback/levels.py",
)  # fmt: skip
"""The files that hold compiled loops."""


def compiled(
    signature: str, *, nogil: bool = False, any_order: bool = False
) -> Callable[[Callable[..., Any]], Any]:
    """Compiles a function for one signature, or loads it from the cache.

    `nogil` lets other threads run meanwhile; for kernels that work on arrays of their own. `any_order`
    lets sums be added up in any order, so that several terms are added at once; the last bits then
    depend on the processor, though not on who calls.
    """

    def compile_or_load(function: Callable[..., Any]) -> Any:
        configured, _config.CACHE_DIR = _config.CACHE_DIR, str(_folder())
        try:
            return numba.njit(
                signature, cache=True, nogil=nogil, fastmath=_ANY_ORDER if any_order else False
            )(function)
        finally:
            _config.CACHE_DIR = configured

    return compile_or_load


def is_known(file: str) -> bool:
    """Whether loops of one of KERNELS were compiled before, and are only to be loaded."""
    return any(_folder().rglob(f"{Path(file).stem}.*.nbi"))


def is_shared() -> bool:
    """Whether other processes find what this one compiles, and this one what they do."""
    return _shared_folder() is not None


@lru_cache(maxsize=1)
def _folder() -> Path:
    """The shared folder where there is one, else a temporary one."""
    return _shared_folder() or Path(tempfile.mkdtemp(prefix="banditroute-"))


@lru_cache(maxsize=1)
def _shared_folder() -> Path | None:
    """Beside the sources where they can be written, else in the user's cache, else none."""
    here = Path(__file__).parent
    digest = hashlib.blake2b(digest_size=8)
    for name in KERNELS:
        digest.update((here / name).read_bytes())
    name = f"kernels-{digest.hexdigest()}"
    asked = _config.CACHE_DIR
    wanted = Path(asked) / "banditroute" if asked else here / "__pycache__"
    users = Path(os.environ.get("XDG_CACHE_HOME", Path.home() / ".cache")) / "banditroute"
    for place in (wanted, users):
        try:
            (place / name).mkdir(parents=True, exist_ok=True)
        except OSError:
            continue
        if os.access(place / name, os.W_OK):
            return place / name
    return None
