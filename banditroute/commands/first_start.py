"""The first start on a machine compiles the kernels, by two processes at once where there are processors."""

from __future__ import annotations

import os
import subprocess
import sys
from contextlib import nullcontext

_HALF = "import banditroute.core.refit"
"""What another process compiles: it takes about as long as all the rest."""

_TIED = """
import os, threading
threading.Thread(target=lambda: (os.read(0, 1), os._exit(1)), daemon=True).start()
"""
"""What it does beside: once nobody holds the other end of its input any more, however that came, it ends."""


def compile_kernels() -> None:
    """Compiles what the core needs, or loads it where it is known. What the other process does not bring
    about, whatever the reason, is compiled by this one when it is imported."""
    from banditroute.core.compiled import is_known, is_shared

    helps = is_shared() and not is_known("refit.py") and (os.cpu_count() or 1) > 1
    other = _other() if helps else None
    with other or nullcontext():  # which closes its input, so it ends where this process is interrupted
        import banditroute.core.choosing  # noqa: F401  (compiled now, beside the other half)

        if other is not None:
            other.wait()


def _other() -> subprocess.Popen[bytes] | None:
    """The other process; None where none can be started, and this one does it all."""
    if not sys.executable:
        return None
    quiet = subprocess.DEVNULL
    command = [sys.executable, "-c", _TIED + _HALF]
    try:
        return subprocess.Popen(command, stdin=subprocess.PIPE, stdout=quiet, stderr=quiet)
    except OSError:
        return None
