"""The same rows in each format of POST /predict: what an answer takes of the server's CPU."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import orjson
import pyarrow as pa

from bench import contenders
from bench.bodies import read
from bench.bound import Bound, of_times
from bench.markdown import head
from bench.peers.check import MODEL
from bench.peers.running import running
from bench.rows import Row
from bench.timing import JSON, requests, take_turns

POSTS = 3
"""Requests in a turn."""
WORDS = {
    "json": "JSON, numbers as JSON numbers",
    "json texts": "JSON, all cells as texts",
    "json columns": "JSON as columns, numbers as JSON numbers",
    "ndjson": "NDJSON, numbers as JSON numbers",
    "csv": "CSV",
    "arrow": "an Arrow stream, numbers as float64",
}
Result = dict[str, Any]


def make_bodies(numbers: Sequence[Row], texts: Path) -> dict[str, tuple[str, bytes]]:
    """The media type and the body of each format.

    Args:
        numbers: rows with JSON numbers.
        texts: the same rows as a CSV file.
    """
    columns = {name: [row[name] for row in numbers] for name in numbers[0]}
    table, stream = pa.table(columns), pa.BufferOutputStream()
    with pa.ipc.new_stream(stream, table.schema) as writer:
        writer.write_table(table)
    return {
        "json": (JSON, orjson.dumps(numbers)),
        "json texts": (JSON, orjson.dumps(read(texts))),
        "json columns": (JSON, orjson.dumps(columns)),
        "ndjson": ("application/x-ndjson", b"".join(orjson.dumps(row) + b"\n" for row in numbers)),
        "csv": ("text/csv", texts.read_bytes()),
        "arrow": ("application/vnd.apache.arrow.stream", stream.getvalue().to_pybytes()),
    }


def measure(numbers: Sequence[Row], texts: Path, rounds: int) -> Result:
    """Times a POST of each format, in turns. An answer has the format of its request.

    Args:
        numbers: rows with JSON numbers.
        texts: the same rows as a CSV file.
        rounds: number of turns that count.

    Returns:
        By format: the bytes of the body, and CPU and wall seconds of each round.

    Raises:
        LoadError: a request was not answered with 200.
    """
    made = make_bodies(numbers, texts)
    with running(contenders.SCORER, MODEL, contenders.OWN) as server:
        work = {name: partial(requests, server, body, POSTS, content_type=kind) for name, (kind, body) in made.items()}
        samples = take_turns(work, rounds)
    bodies = {name: {"bytes": len(body), **samples[name]} for name, (_, body) in made.items()}
    return {"rows": len(numbers), "rounds": rounds, "formats": bodies}


def bounds(results: Result) -> Iterator[Bound]:
    """Arrow and CSV beside the JSON of the same rows."""
    taken, count = results["formats"], f"{results['rows']:,}"
    yield of_times(f"Arrow POST of {count} rows ÷ JSON POST", taken["arrow"], taken["json"], 1 / 8, 1 / 20, most=True)
    words = f"CSV POST of {count} rows ÷ JSON POST of the same texts"
    yield of_times(words, taken["csv"], taken["json texts"], 1 / 2, 1 / 4, most=True)


def table(results: Result) -> str:
    """The results as Markdown: the least times of all rounds."""
    lines = head(f"POST of {results['rows']:,} rows", "body, MB", "CPU ms", "wall ms", "CPU ÷ that of JSON")
    json = min(results["formats"]["json"]["cpu"])
    for name, words in WORDS.items():
        taken = results["formats"][name]
        cpu, wall = min(taken["cpu"]), min(taken["wall"])
        figures = f"{taken['bytes'] / 1e6:.1f} | {cpu * 1e3:.1f} | {wall * 1e3:.1f} | {cpu / json:.2f}"
        lines.append(f"| {words} | {figures} |")
    return "\n".join(lines)
