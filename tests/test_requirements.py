"""docs/requirements.md names paths, tests, targets and commands that exist."""

from __future__ import annotations

import re
import shlex
from collections.abc import Callable, Mapping, Sequence

import pytest

from export.__main__ import main as export_main
from scorer.__main__ import main as scorer_main
from tests.support.paths import ROOT

PAGE = (ROOT / "docs" / "requirements.md").read_text()
MODULES: Mapping[str, Callable[[list[str]], int]] = {"scorer": scorer_main, "export": export_main}
OTHER_PROGRAMS = frozenset({"git", "hadolint", "mypy", "ruff"})


def table_rows(page: str) -> list[dict[str, str]]:
    """The numbered rows of the page's tables, by column."""
    rows = []
    for header, lines in re.findall(r"^(\| # \|.*)\n\|[-|]+\|\n((?:\|.*\n)+)", page, re.MULTILINE):
        names, *values = ([cell.strip() for cell in line.split("|")[1:-1]] for line in [header, *lines.splitlines()])
        rows += [dict(zip(names, cells, strict=True)) for cells in values]
    return rows


def quoted(cell: str) -> list[str]:
    """What stands between backticks."""
    return re.findall(r"`([^`]+)`", cell)


def fault_of_pytest(path: str, options: Sequence[str] = ()) -> str | None:
    """Why pytest would run no test of a file, or None."""
    if not (ROOT / path).is_file():
        return f"{path} is not there"
    names = re.findall(r"^def (test_\w+)", (ROOT / path).read_text(), re.MULTILINE)
    chosen = [option for option in options if not option.startswith("--cov")]
    if not chosen:
        return None if names else f"{path} has no test"
    flag, expression = chosen
    lacking = [part for part in expression.split(" or ") if not any(part in name for name in names)]
    return f"{path} has no test {', '.join(lacking)}" if lacking or flag != "-k" else None


def fault_of_module(name: str, command: str) -> str | None:
    """Why `python -m` would not know a command, or None."""
    with pytest.raises(SystemExit) as ended:
        MODULES[name]([command, "--help"])
    return f"{name} has no command {command}" if ended.value.code else None


def fault(command: str) -> str | None:
    """Why a command could not run here, or None."""
    match shlex.split(command):
        case ["pytest", path, *options]:
            return fault_of_pytest(path, options)
        case ["make", target]:
            known = re.search(rf"^{re.escape(target)}:", (ROOT / "Makefile").read_text(), re.MULTILINE)
            return None if known else f"make has no target {target}"
        case ["python", "-m", ("scorer" | "export") as name, subcommand, *paths]:
            gone = [path for path in paths if "/" in path and not (ROOT / path).exists()]
            return fault_of_module(name, subcommand) or (f"{', '.join(gone)} is not there" if gone else None)
        case [script, *_] if script.startswith("./"):
            return None if (ROOT / script).is_file() else f"{script} is not there"
        case [program, *_] if program in OTHER_PROGRAMS:
            return None
    return f"{command}: not a command that this test knows"


ROWS = table_rows(PAGE)


def test_rows_are_numbered_one_after_the_other() -> None:
    assert len(ROWS) > 121
    assert [row["#"] for row in ROWS] == [str(number) for number in range(1, len(ROWS) + 1)]


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row["#"])
def test_a_row_says_whose_wish_it_is_and_what_shows_it(row: dict[str, str]) -> None:
    documents = re.findall(r"^\| (\d{3}|notebook|card) \| ", PAGE, re.MULTILINE)
    for source in row["in"].split(", "):
        document, _, lines = source.partition(":")
        assert document in documents
        assert re.fullmatch(r"(\d+(–\d+)?)?", lines)
    assert all(row.values())
    assert row["shown by"] == "read" or quoted(row["shown by"])
    assert [found for found in map(fault, quoted(row["shown by"])) if found] == []


def test_paths_exist() -> None:
    named = [path for row in ROWS for path in quoted(row.get("where", ""))]
    assert len(named) > 100
    assert [path for path in named if not (ROOT / path).exists()] == []


@pytest.mark.parametrize(
    "command",
    [
        "pytest tests/test_none.py",
        "pytest tests/conftest.py",
        "pytest tests/test_requirements.py -k nothing_of_the_kind",
        "pytest tests/test_requirements.py -k 'paths or nothing_of_the_kind'",
        "make none",
        "python -m scorer none",
        "python -m export none",
        "python -m scorer verify coefficients/none.json",
        "./none.sh",
        "none",
    ],
)
def test_a_command_that_is_none_is_noticed(command: str) -> None:
    assert fault(command)
