"""The recipes of docs/engines.md: their blocks, processes that run them, and their scores held to the library's."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tempfile
import uuid
from collections.abc import Iterator, Mapping
from itertools import groupby
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa

from tests.support.paths import ROOT
from tests.support.processes import environment
from tests.support.servers import wait_until

MARK = "RECIPE_OF_TESTS"
"""A variable by whose value the processes of a recipe are found, also those that an engine has started."""

TIMEOUT = ("timeout", "--kill-after=10", "300")

SETTINGS = {
    "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
    "PYTHONPATH": str(ROOT),
    "PYSPARK_PYTHON": sys.executable,
    "RAY_AUTH_MODE": "disabled",
    "RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER": "0",  # so it listens on loopback alone, as it does on these two
    "RAY_USAGE_STATS_ENABLED": "0",
}

PYTHON = """\
import runpy, warnings
warnings.filterwarnings("error", module=r"(scorer|__main__)\\b")
{before}
runpy.run_path("recipe.py", run_name="__main__")
"""
"""Runs a script as `python recipe.py` does, with warnings of our modules as errors."""

SMALL_RAY = """\
import ray
ray.init(
    address="local",
    num_cpus=1,
    object_store_memory=100_000_000,
    include_dashboard=False,
    log_to_driver=False,
)
"""
"""A cluster as a recipe would start one, but with one process, a small store and no dashboard."""


class Block(NamedTuple):
    """A block of code: its language and its text."""

    language: str
    text: str


def recipes(page: str) -> dict[str, list[Block]]:
    """The blocks under "Recipes" by the heading above them; under "" those that stand before the first heading."""
    section = page.partition("\n## Recipes\n")[2].partition("\n## ")[0]
    headings = re.split(r"^### (.*)\n", "### \n" + section, flags=re.MULTILINE)[1:]
    blocks = (re.findall(r"^```(\w*)\n(.*?)^```$", text, re.DOTALL | re.MULTILINE) for text in headings[1::2])
    return {heading: [Block(*each) for each in found] for heading, found in zip(headings[::2], blocks, strict=True)}


def run(blocks: list[Block], directory: Path, variables: Mapping[str, str] | None = None) -> str:
    """Runs blocks as they stand, one after the other; Python's that follow each other are one script.

    Args:
        blocks: those of a recipe.
        directory: where they run.
        variables: of the environment, beside `SETTINGS`.

    Returns:
        What they have printed.

    Raises:
        AssertionError: one fails, a process is left over, or nothing here runs its language.
    """
    printed = ""
    for language, alike in groupby(blocks, key=lambda block: block.language):
        text = "\n".join(block.text for block in alike)
        if language == "python":
            (directory / "recipe.py").write_text(text)
            command = [sys.executable, "-c", PYTHON.format(before=SMALL_RAY if "import ray\n" in text else "")]
        else:
            assert language in ("sh", "crontab"), f"nothing runs a block of {language or 'no language'}"
            command = ["sh", "-ec", text if language == "sh" else cron_command(text)]
        printed += _run(command, directory, variables or {})
    return printed


def cron_command(line: str) -> str:
    """The command of a line of a crontab, as cron gives it to the shell."""
    *times, command = line.split(maxsplit=5)
    assert all(re.fullmatch(r"[\d*/,-]+", time) for time in times), f"{line!r} has no five fields of time"
    assert re.search(r"(?<!\\)%", command) is None, "cron ends a command at %"
    return command.replace(r"\%", "%")


def _run(command: list[str], directory: Path, variables: Mapping[str, str]) -> str:
    mark = uuid.uuid4().hex
    with tempfile.TemporaryDirectory(prefix="ray", dir="/tmp") as short:  # the path of a socket is a short one
        own = {MARK: mark, "RAY_TMPDIR": short, "HOME": str(directory)}
        given = environment({**SETTINGS, **own, **variables}, measured=False)
        done = subprocess.run(
            [*TIMEOUT, *command], cwd=directory, env=given, capture_output=True, text=True, check=False
        )
        printed = done.stdout + done.stderr
        assert done.returncode == 0, printed
        wait_until(lambda: not [*_marked(mark)], "the end of what a recipe has started")
    return printed


def _marked(mark: str) -> Iterator[int]:
    """The processes that have a mark."""
    for process in Path("/proc").glob("[0-9]*"):
        try:
            variables = (process / "environ").read_bytes()
        except OSError:  # it has ended, or is another user's
            continue
        if f"{MARK}={mark}".encode() in variables.split(b"\0"):
            yield int(process.name)


def differences(scores: Any, expected: Any) -> list[str]:
    """In what scores differ from those expected, compared to the bit; nothing if in nothing.

    Args:
        scores: a pyarrow.Table with `id`, `business_outcome` and `phat`, its rows in any order.
        expected: the same, by `id`.
    """
    if sorted(scores.column_names) != sorted(expected.column_names):
        return [f"columns are {', '.join(scores.column_names)}"]
    scores = scores.select(expected.column_names).sort_by("id")
    found = []
    for field in expected.schema:
        is_type = scores.schema.field(field.name).type
        if is_type != field.type:
            found.append(f"{field.name} is {is_type} instead of {field.type}")
    if found:
        return found
    if not scores["id"].equals(expected["id"]):
        return [f"the keys of {len(scores)} rows are not those of the {len(expected)} expected"]
    for name in ("business_outcome", "phat"):
        bits, expected_bits = (_bits(table[name]) for table in (scores, expected))
        if wrong := np.flatnonzero(bits != expected_bits).tolist():
            found.append(f"{name} of {len(wrong)} rows, the first with id {expected['id'][wrong[0]]}")
    return found


def _bits(column: Any) -> Any:
    assert column.null_count == 0
    return column.to_numpy().view(np.int64)


def with_all_kinds_of_cells(rows: Any) -> Any:
    """Stand-in rows with what tables of engines have: dictionaries, decimals, integers, NaN, markers, and levels that
    the model does not know.

    Args:
        rows: a pyarrow.Table of `scorer sample`, of 100 rows or more.
    """
    columns = {name: rows[name].to_pylist() for name in ("x5", "x12", "x53", "x81", "x91")}
    columns["x5"][3::50] = ["someday"] * len(columns["x5"][3::50])
    columns["x81"][5::50] = ["NA"] * len(columns["x81"][5::50])
    columns["x91"][7::50] = [float("nan")] * len(columns["x91"][7::50])
    columns["x53"] = [number if number is None else round(number) for number in columns["x53"]]
    for cells in columns.values():
        cells[11] = None
    arrays = {name: pa.array(cells) for name, cells in columns.items()}
    arrays["x31"] = rows["x31"].combine_chunks().dictionary_encode()
    arrays["x56"] = rows["x56"].cast(pa.decimal128(38, 6), safe=False)
    for name, array in arrays.items():
        rows = rows.set_column(rows.schema.get_field_index(name), name, array)
    return rows
