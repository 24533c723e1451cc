"""Files through `python -m scorer score`: rows a second, the start of the process included, and peak memory."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from functools import partial
from itertools import islice
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet as pq

import scorer
from bench.bound import Bound, of_rows
from bench.markdown import head
from bench.timing import Samples, Times, take_turns

PARQUET_ROWS, CSV_ROWS, ROUNDS = 1_000_000, 400_000, 3
LARGE_BYTES = 2 * 10**9
GROUP_ROWS = 100_000
"""Rows of a row group of the large Parquet file."""
BOUNDS = {"parquet": (0.9e6, 2e6), "csv": (180e3, 300e3)}
"""Rows a second of CPU time: what has to be reached, and the aim."""
MOST_MB, AIM_MB = 300, 150
WORDS = {
    "parquet": "Parquet, the used columns alone → Parquet",
    "csv": "CSV of all columns → CSV",
    "large csv": "a large CSV file → CSV",
    "large parquet": "a large Parquet file of all columns → Parquet",
}
Result = dict[str, Any]


def measure(rows: Path, directory: Path) -> Result:
    """Makes each file from stand-in rows, repeated, scores it to phat and outcome, and deletes it.

    Args:
        rows: a CSV file of rows with all inputs.
        directory: where the files are made; they take up to twice LARGE_BYTES.

    Returns:
        By file: its bytes and rows, and of each round CPU and wall seconds and the peak of memory in bytes.
    """
    makers: dict[str, tuple[Callable[[Path], int], str, int]] = {
        "parquet": (partial(_used_columns, rows, PARQUET_ROWS), "parquet", ROUNDS),
        "csv": (partial(_repeated, rows, CSV_ROWS), "csv", ROUNDS),
        "large csv": (partial(_repeated, rows, None), "csv", 1),
        "large parquet": (partial(_all_columns, rows), "parquet", 1),
    }
    return {name: _scored(directory, *maker) for name, maker in makers.items()}


def _scored(directory: Path, make: Callable[[Path], int], ending: str, rounds: int) -> Result:
    scratch = directory / "files"
    scratch.mkdir()
    source, out = scratch / f"rows.{ending}", scratch / f"scores.{ending}"
    peaks: list[int] = []

    def run() -> Times:
        command = [sys.executable, "-m", "scorer", "score", str(source), "--variables", "none", "--out", str(out)]
        done = subprocess.run([sys.executable, "-m", "bench.child", *command], capture_output=True, check=True)
        figures = json.loads(done.stdout)
        peaks.append(figures["peak_bytes"])
        return Times(figures["cpu"], figures["wall"])

    try:
        count = make(source)
        samples: Samples = take_turns({"it": run}, rounds)["it"]
        return {"bytes": source.stat().st_size, "rows": count, **samples, "peak_bytes": peaks}
    finally:
        shutil.rmtree(scratch)


def _repeated(rows: Path, count: int | None, path: Path) -> int:
    """Writes a CSV file of so many rows, or if None of LARGE_BYTES. Returns the number of rows."""
    with rows.open("rb") as file:
        first, lines = file.readline(), file.readlines()
    text = b"".join(lines)
    times = count // len(lines) if count is not None else LARGE_BYTES // len(text)
    rest = count % len(lines) if count is not None else 0
    with path.open("wb") as file:
        file.write(first)
        for _ in range(times):
            file.write(text)
        file.writelines(islice(lines, rest))
    return times * len(lines) + rest


def _used_columns(rows: Path, count: int, path: Path) -> int:
    """Writes a Parquet file of so many rows with the columns that the equation uses."""
    used = [declared.name for declared in scorer.load().equation.inputs]
    table = pa.csv.read_csv(rows, convert_options=pa.csv.ConvertOptions(strings_can_be_null=True)).select(used)
    pq.write_table(pa.concat_tables([table] * -(-count // len(table)))[:count], path)
    return count


def _all_columns(rows: Path, path: Path) -> int:
    """Writes a Parquet file of LARGE_BYTES, neither compressed nor with dictionaries. Returns the number of rows."""
    table = pa.csv.read_csv(rows, convert_options=pa.csv.ConvertOptions(strings_can_be_null=True))
    group, count = pa.concat_tables([table] * -(-GROUP_ROWS // len(table)))[:GROUP_ROWS], 0
    with pq.ParquetWriter(path, table.schema, compression="none", use_dictionary=False) as writer:
        while path.stat().st_size < LARGE_BYTES:
            writer.write_table(group)
            count += len(group)
    return count


def bounds(results: Result) -> Iterator[Bound]:
    """Rows a second, and the peak of memory."""
    for name, (bound, aim) in BOUNDS.items():
        one = results[name]
        yield of_rows(f"`scorer score` of {one['rows']:,} rows, {WORDS[name]}", one["rows"], one, bound, aim)
    for name in ("large csv", "large parquet"):
        one = results[name]
        words = f"peak memory of `scorer score`, {WORDS[name]} of {one['bytes'] / 1e9:.1f} GB, in MB"
        yield Bound(words, max(one["peak_bytes"]) / 1e6, MOST_MB, AIM_MB, most=True)


def table(results: Result) -> str:
    """The results as Markdown."""
    lines = head("`scorer score --variables none`", "MB", "rows", "CPU s", "s", "rows a CPU-second", "peak memory, MB")
    for name, words in WORDS.items():
        one = results[name]
        cpu, wall = min(one["cpu"]), min(one["wall"])
        size, peak = one["bytes"] / 1e6, max(one["peak_bytes"]) / 1e6
        figures = f"{size:,.0f} | {one['rows']:,} | {cpu:.2f} | {wall:.2f} | {one['rows'] / cpu:,.0f} | {peak:.0f}"
        lines.append(f"| {words} | {figures} |")
    return "\n".join(lines)
