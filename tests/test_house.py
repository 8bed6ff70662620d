"""The house itself: what it exports, how light it starts, how long its files are, what the core may touch."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest

import banditroute

ROOT = Path(__file__).parent.parent
PACKAGE = ROOT / "banditroute"
HEAVY = (
    "numpy",
    "numba",
    "scipy",
    "duckdb",
    "fastapi",
    "sqlalchemy",
    "matplotlib",
    "aiohttp",
    "rich",
    "joblib",
)
MAX_LINES = 300

CORE_MAY_IMPORT = {"numpy", "numba", "scipy.special", "scipy.linalg", "msgspec", "banditroute"}
CORE_MUST_NOT = {"time", "datetime", "random", "secrets", "uuid", "os", "pathlib", "socket", "logging"}
"""The clock, I/O and randomness are handed in."""


def test_the_public_face() -> None:
    assert banditroute.__all__ == [
        "AsyncClient",
        "AsyncRouter",
        "Client",
        "Router",
        "__version__",
        "evaluate",
        "fit",
        "simulate",
    ]
    for name in banditroute.__all__:
        assert getattr(banditroute, name) is not None
        assert name in dir(banditroute)
    with pytest.raises(AttributeError, match="no attribute 'router_'"):
        _ = banditroute.router_


@pytest.mark.parametrize(
    "code",
    [
        "import banditroute",
        "from banditroute.cli import main\ntry: main(['--help'])\nexcept SystemExit: pass",
        "from banditroute.cli import main\ntry: main(['init', '--help'])\nexcept SystemExit: pass",
        "import banditroute.config.load",
    ],
    ids=["import", "help", "init", "configuration"],
)
def test_nothing_heavy_is_loaded_before_it_is_needed(code: str) -> None:
    probe = f"import sys\n{code}\nprint('HEAVY', *[name for name in {HEAVY!r} if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", probe], capture_output=True, text=True, cwd=ROOT, check=True)
    assert done.stdout.splitlines()[-1] == "HEAVY"


def test_no_file_is_two_ideas_long() -> None:
    files = [
        path for folder in ("banditroute", "tests", "benchmarks") for path in (ROOT / folder).rglob("*.py")
    ]
    lengths = {str(path.relative_to(ROOT)): len(path.read_text().splitlines()) for path in files}
    assert len(lengths) > 50
    assert {name: n for name, n in lengths.items() if n > MAX_LINES} == {}


def _imports(path: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            # `from scipy import special` is an import of scipy.special.
            module = node.module or ""
            yield from (f"{module}.{alias.name}" if module == "scipy" else module for alias in node.names)


def test_the_core_is_pure() -> None:
    for path in (PACKAGE / "core").glob("*.py"):
        if path.name == "compiled.py":  # finds a folder for compiled code; no figure depends on it
            continue
        for name in _imports(path):
            root = name.partition(".")[0]
            assert root not in CORE_MUST_NOT, f"{path.name} imports {name}"
            if root not in sys.stdlib_module_names:
                assert name in CORE_MAY_IMPORT or root in CORE_MAY_IMPORT, f"{path.name} imports {name}"


def test_every_dependency_is_locked_and_the_lock_names_no_place() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    runtime, tests = (ROOT / "requirements.lock").read_text().split("# --- tests")
    wanted = [*project["dependencies"], *project["optional-dependencies"]["plot"], "uv", "hatchling"]
    names = [re.split(r"[^\w.-]|(?=[<>=~!])", item)[0] for item in wanted]
    assert [name for name in names if f"\n{name}==" not in runtime] == []
    dev = [re.split(r"[^\w.-]|(?=[<>=~!])", item)[0] for item in project["optional-dependencies"]["dev"]]
    assert [name for name in dev if f"\n{name}==" not in runtime + tests] == []
    assert not re.search(r"https?://|file:|/tmp|--index|--find-links", runtime + tests)
    for entry in re.findall(r"^\S+==[^\n]*\n(?: [^\n]*\n)*", runtime + tests, re.MULTILINE):
        assert "--hash=sha256:" in entry, entry
