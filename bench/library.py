"""python -m bench.library CSV: how fast Scorer.score takes each kind of table, in a process of its own."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from functools import partial
from io import BytesIO
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

import scorer
from bench.bound import Bound, of_rows
from bench.markdown import head
from bench.timing import Times, take_turns
from scorer.scorer import Scorer

ROWS, DICTS, ROUNDS = 200_000, 20_000, 7
"""Rows of a table, of a list of dicts, and turns that count."""
BOUNDS = {"pandas": (2e6, 5e6), "arrow": (8e6, 20e6), "polars": (8e6, 20e6)}
"""Rows a second of CPU time: what has to be reached, and the aim."""
WORDS = {
    "pandas": "`pandas.DataFrame`, texts as `str` columns",
    "arrow": "`pyarrow.Table`, categories as dictionaries, numbers as float64",
    "polars": "`polars.DataFrame`, categories as `Categorical`, numbers as `Float64`",
    "arrow, money": "`pyarrow.Table`, categories as dictionaries, money as strings",
    "arrow, texts": "`pyarrow.Table`, all texts as strings",
    "dicts": "list of dicts",
}
Result = dict[str, Any]


class Table(NamedTuple):
    """Rows in one kind of table."""

    rows: int
    x: Any


def measure(path: Path) -> Result:
    """Runs this module as a program.

    Args:
        path: a CSV file of rows with all inputs.

    Returns:
        By kind of table: its rows, and CPU and wall seconds of each round.
    """
    done = subprocess.run([sys.executable, "-m", "bench.library", str(path)], capture_output=True, check=True)
    result: Result = json.loads(done.stdout)
    return result


def main() -> None:
    """Prints the figures as JSON."""
    model = scorer.load()
    tables = make_tables(model, Path(sys.argv[1]), ROWS, DICTS)
    check(model, tables)
    samples = take_turns({name: partial(_timed, partial(model.score, one.x)) for name, one in tables.items()}, ROUNDS)
    print(json.dumps({name: {"rows": one.rows, **samples[name]} for name, one in tables.items()}))


def make_tables(model: Scorer, path: Path, rows: int, dicts: int) -> dict[str, Table]:
    """The rows of a CSV file, repeated, in each kind of table."""
    import pandas as pd
    import polars as pl
    import pyarrow as pa

    names, lines = path.read_bytes().split(b"\n", 1)
    repeated = b"%b\n%b" % (names, lines * -(-rows // lines.count(b"\n")))
    frame = pd.read_csv(BytesIO(repeated), nrows=rows)  # at once, so that columns are in one piece, as files are read
    texts = pa.Table.from_pandas(frame, preserve_index=False).combine_chunks()
    money = table = texts
    for declared, read in zip(model.equation.inputs, model.score(frame).read, strict=True):
        number = texts.column_names.index(declared.name)
        if declared.kind == "category":
            levels = texts[declared.name].combine_chunks().dictionary_encode()
            money = money.set_column(number, declared.name, levels)
            table = table.set_column(number, declared.name, levels)
        else:
            table = table.set_column(number, declared.name, pa.array(read))
    return {
        "pandas": Table(rows, frame),
        "arrow": Table(rows, table),
        "polars": Table(rows, pl.from_arrow(table)),
        "arrow, money": Table(rows, money),
        "arrow, texts": Table(rows, texts),
        "dicts": Table(dicts, texts[:dicts].to_pylist()),
    }


def check(model: Scorer, tables: dict[str, Table]) -> None:
    """Ends the program if two kinds of tables do not give the same phat, bit by bit."""
    first = model.score(tables["pandas"].x).phat
    for name, one in tables.items():
        if not np.array_equal(model.score(one.x).phat, first[: one.rows]):
            sys.exit(f"{name}: phat differs from that of pandas")


def _timed(do: Callable[[], object]) -> Times:
    cpu, wall = time.process_time(), time.perf_counter()
    do()
    return Times(time.process_time() - cpu, time.perf_counter() - wall)


def bounds(results: Result) -> Iterator[Bound]:
    """Rows a second of each kind of table that has a bound."""
    for name, (bound, aim) in BOUNDS.items():
        one = results[name]
        yield of_rows(f"`score` of {one['rows']:,} rows, {WORDS[name]}", one["rows"], one, bound, aim)


def table(results: Result) -> str:
    """The results as Markdown."""
    lines = head("100 columns", "rows", "million rows a second of CPU time", "wall")
    for name, words in WORDS.items():
        one = results[name]
        speeds = " | ".join(f"{one['rows'] / min(one[clock]) / 1e6:.2f}" for clock in ("cpu", "wall"))
        lines.append(f"| {words} | {one['rows']:,} | {speeds} |")
    return "\n".join(lines)


if __name__ == "__main__":
    main()
