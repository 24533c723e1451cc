"""Imports run one way, and what serves needs nothing of what trains."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
STACK = ["errors", "document", "coefficients", "inputs", "reading", "cells", "equation", "scores", "explain", "scorer"]
STACK += ["files", "tables", "describe", "store", "service", "__main__"]
"""The modules of scorer from the bottom up: each imports only those below it."""

HEAVY = ("pandas", "sklearn", "scipy", "statsmodels", "export")


def imported(path: Path) -> set[str]:
    names: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            names.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            names.add(node.module)
            names.update(f"{node.module}.{alias.name}" for alias in node.names)
    return names


def room(path: Path) -> str:
    return path.relative_to(ROOT / "scorer").parts[0].removesuffix(".py")


MODULES = sorted(path for path in (ROOT / "scorer").rglob("*.py") if path != ROOT / "scorer" / "__init__.py")


@pytest.mark.parametrize("path", MODULES, ids=[str(path.relative_to(ROOT)) for path in MODULES])
def test_imports_run_one_way(path: Path) -> None:
    assert room(path) in STACK, "a new module: give it a place in the stack"
    for name in imported(path):
        parts = name.split(".")
        assert parts[0] not in HEAVY
        if parts[0] == "scorer" and len(parts) > 1 and parts[1] in STACK and parts[1] != room(path):
            assert STACK.index(parts[1]) < STACK.index(room(path)), f"{path.name} imports {name}"


def run_without(blocked: tuple[str, ...], code: str) -> subprocess.CompletedProcess[str]:
    program = f"""
import sys
class Blocked:
    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] in {blocked!r}:
            raise ModuleNotFoundError(f"No module named {{name!r}}", name=name)
sys.meta_path.insert(0, Blocked())
{code}
"""
    return subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, cwd=ROOT, check=False)


SERVICE = ("msgspec", "orjson", "starlette", "uvicorn", "uvloop", "httptools")
STORE = ("obstore", "cryptography")


def test_the_library_and_most_of_the_command_line_need_numpy_alone() -> None:
    code = "from scorer.__main__ import main; import scorer; scorer.load().score({'x5': 'monday'})\n"
    done = run_without((*HEAVY, *SERVICE, *STORE), code + "sys.exit(main(['describe']))")
    assert (done.returncode, done.stderr) == (0, "")
    assert "x81_December" in done.stdout


def test_serving_without_the_service_extra_says_what_to_install() -> None:
    done = run_without(SERVICE, "from scorer.__main__ import main; sys.exit(main(['serve']))")
    assert done.returncode == 2
    assert done.stderr == "scorer: serving needs uvicorn: pip install 'coefficient-scorer[service]'\n"


def test_checking_signatures_without_the_store_extra_says_what_to_install() -> None:
    code = "import os; os.environ['SCORER_PUBLIC_KEY'] = 'key.pem'; from scorer.__main__ import main\n"
    done = run_without(("cryptography",), code + "sys.exit(main(['serve']))")
    assert done.returncode == 2
    assert done.stderr == "scorer: SCORER_PUBLIC_KEY: needs cryptography: pip install 'coefficient-scorer[store]'\n"


def test_the_service_imports_nothing_that_trains() -> None:
    done = run_without((*HEAVY, *STORE), "import scorer.service.server; print('fine')")
    assert (done.stdout, done.stderr) == ("fine\n", "")
