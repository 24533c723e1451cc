"""examples/: the tiny app answers as the service does, and all rows that the repository shows are stand-in rows."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from scorer.__main__ import main
from tests.support import processes
from tests.support.paths import ROOT, ROWS
from tests.support.servers import Client, Server, accepts, end, free_port, wait_until

EXAMPLES: list[dict[str, Any]] = json.loads(ROWS.read_bytes())


@pytest.fixture(scope="module")
def tiny_app(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Client]:
    """A connection to the tiny app, as the README starts it. At the end it has logged nothing."""
    port = free_port()
    log = tmp_path_factory.mktemp("tiny_app") / "log"
    arguments = ["--app-dir", "examples", "tiny_app:app", "--port", str(port), "--log-level", "warning"]
    with log.open("w") as file:
        process = subprocess.Popen(
            [sys.executable, "-m", "uvicorn", *arguments], cwd=ROOT, env=processes.environment(), stderr=file
        )
    client = Client(port)
    try:
        wait_until(lambda: accepts(port) or process.poll() is not None, "the tiny app")
        yield client
    finally:
        client.close()
        end(process)
    assert log.read_text() == ""


def test_the_tiny_app_has_at_most_30_lines() -> None:
    assert len((ROOT / "examples" / "tiny_app.py").read_text().splitlines()) <= 30


def test_the_tiny_app_answers_with_the_bytes_of_the_service(tiny_app: Client, server: Server) -> None:
    bodies = [EXAMPLES, *EXAMPLES, *([row] for row in EXAMPLES), []]
    with server.client() as service:
        for body in bodies:
            ours, theirs = service.predict(body), tiny_app.predict(body)
            assert (theirs.status, theirs.body) == (ours.status, ours.body) == (200, ours.body)
            assert theirs.headers["content-type"] == ours.headers["content-type"]


@pytest.mark.parametrize(
    ("body", "status", "message"),
    [
        (b"", 400, "the body is not JSON: "),
        (b'[{"x5": "monday"}', 400, "the body is not JSON: "),
        (b'{"x91": NaN}', 400, "the body is not JSON: "),
        (b"[" * 100_000, 400, "the body is not JSON: "),
        (b'[{"x5": "monday"}, {"x12": "many"}]', 422, "row 1, x12: the text is not a number\n"),
        (b'{"x5": ["monday"]}', 422, "row 0, x5: expected text, got a list\n"),
        (b'{"order": 1}', 422, "row 0: the row holds none of the model's inputs\n"),
        (b"3", 422, "row 0: expected an object with the model's inputs, got a int\n"),
    ],
)
def test_the_tiny_app_says_what_is_wrong(tiny_app: Client, body: bytes, status: int, message: str) -> None:
    answer = tiny_app.predict(body)
    assert answer.status == status
    assert answer.body.decode().startswith(message)


def test_the_rows_are_those_that_the_command_makes(capsysbinary: pytest.CaptureFixture[bytes]) -> None:
    assert main(["sample", "--rows", "100"]) == 0
    assert capsysbinary.readouterr().out == ROWS.read_bytes()


@pytest.mark.parametrize("name", ["README.md", "run_api.sh"])
def test_the_first_of_them_is_the_row_that_is_shown(name: str) -> None:
    (shown,) = re.findall(r"--data '\[(\{.*\})\]'", (ROOT / name).read_text())
    cells = json.loads(shown.replace("\\", ""))
    assert cells == {key: EXAMPLES[0][key] for key in cells}


SHOWN_IN = ("README.md", "run_api.sh", "bench", "deploy", "docs", "examples", "export", "scorer", "tests")
"""Not coefficients/: golden rows are made from a file's means and scales."""
AMOUNTS = {"$1,204.50", "$41.50", "$1.10", "$2.50", "$5.10", "$100.00", "$100.01", "$1,000.00", "$1,000.01"}
PERCENTS = {"2.75%", "41.5%", "62.5%"}
"""Amounts and percents that were made up for documentation and tests."""


def texts() -> Iterator[tuple[Path, str]]:
    """The text of each file that may show rows, in a clone or in an unpacked archive."""
    for root in SHOWN_IN:
        for path in (ROOT / root, *(ROOT / root).rglob("*")):
            hidden = any(part.startswith(".") or part == "load-results" for part in path.relative_to(ROOT).parts)
            if path.is_file() and not hidden:
                yield path, path.read_bytes().decode(errors="replace")


def foreign_cells(text: str) -> set[str]:
    """Cells in a text that look like a customer's: neither of the example rows nor made up."""
    amounts = {amount.replace("-", "") for amount in re.findall(r"\$-?\d[\d,]*\.\d\d\b", text)}
    percents = set(re.findall(r"""["'`](\d+\.\d+%)["'`]""", text))
    numbers = set(re.findall(r'"(x\d+)\\?": ?"?(-?\d+\.\d{4,10})\b', text))
    example_amounts = {str(row["x12"]).strip("()").replace("-", "") for row in EXAMPLES}
    return {
        *(amounts - example_amounts - AMOUNTS),
        *(percents - {row["x63"] for row in EXAMPLES} - PERCENTS),
        *(cell for name, cell in numbers if float(cell) not in [row.get(name) for row in EXAMPLES]),
    }


def test_no_row_of_anybodys_data_is_in_the_repository() -> None:
    found = {str(path): cells for path, text in texts() if (cells := foreign_cells(text))}
    assert found == {}


def test_a_foreign_cell_is_found() -> None:
    row = r'{"x12": "$-#.##", "x63": "#.#%", \"x91\": 0.####, "x99":"-#.#####"}'.replace("#", "7")
    expected = {cell.replace("#", "7") for cell in ("$#.##", "#.#%", "0.####", "-#.#####")}
    assert foreign_cells(json.dumps(EXAMPLES) + row) == expected
