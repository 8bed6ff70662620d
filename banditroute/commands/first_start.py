"""The first start on a machine compiles the kernels, by two processes at once where there are processors."""

from __future__ import annotations

import os
import subprocess
import sys
from contextlib import suppress

_HALF = "import banditroute.core.refit"
"""What another process compiles: it takes about as long as all the rest."""


def compile_kernels() -> None:
    """Compiles what the core needs, or loads it where it is known. What the other process does not bring
    about, whatever the reason, is compiled by this one when it is imported."""
    from banditroute.core.compiled import is_known

    other = None
    if not is_known("refit.py") and sys.executable and (os.cpu_count() or 1) > 1:
        quiet = subprocess.DEVNULL
        with suppress(OSError):  # then this process does it all
            other = subprocess.Popen([sys.executable, "-c", _HALF], stdin=quiet, stdout=quiet, stderr=quiet)
    import banditroute.core.choosing  # noqa: F401  (compiled now, beside the other half)

    if other is not None:
        other.wait()
