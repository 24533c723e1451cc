"""Batches in which numbers are sent as texts, beside those of JSON numbers.

The documents that ask for this service send every cell as text, and so does whoever turns a CSV file into JSON without
parsing its cells.
"""

from __future__ import annotations

import csv
import random
from collections.abc import Iterable, Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import orjson

from bench import contenders
from bench.bound import Bound, of_times
from bench.markdown import head
from bench.peers.check import MODEL
from bench.peers.running import running
from bench.rows import SEED, Row
from bench.timing import parse, requests, take_turns

SHARE = 0.3
"""Of the numbers, in the body that mixes both."""
POSTS = 3
"""Requests in a turn."""
WORDS = {
    "numbers": "as JSON numbers",
    "mixed": f"{SHARE:.0%} as texts, at random",
    "texts": "all as texts",
}
BOUNDS = {"numbers": (0.60, 0.50), "mixed": (0.75, 0.60), "texts": (0.75, 0.60)}
"""Of the server's CPU time ÷ that of orjson.loads: what has to be reached, and the aim."""

Result = dict[str, Any]


def read(path: Path) -> list[Row]:
    """The rows of a CSV file as csv.DictReader gives them: every cell is a text, a missing one is empty."""
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


def mix(numbers: Iterable[Row], texts: Iterable[Row], share: float, seed: int) -> list[Row]:
    """Rows with JSON numbers in which a share of the numbers, picked at random, are the texts of other rows."""
    drawn = random.Random(seed)
    return [
        {
            name: text[name] if isinstance(cell, float) and drawn.random() < share else cell
            for name, cell in number.items()
        }
        for number, text in zip(numbers, texts, strict=True)
    ]


def measure(numbers: Sequence[Row], texts: Sequence[Row], directory: Path, rounds: int) -> Result:
    """Times a POST of each body, and orjson.loads alone on it, in turns.

    Args:
        numbers: rows with JSON numbers.
        texts: the same rows as texts.
        directory: where the bodies are written.
        rounds: number of turns that count.

    Returns:
        By body: its bytes, and CPU and wall seconds of each round, of the server and of orjson.loads.
    """
    rows = {"numbers": numbers, "mixed": mix(numbers, texts, SHARE, SEED), "texts": texts}
    bodies = {name: orjson.dumps(each) for name, each in rows.items()}
    with running(contenders.SCORER, MODEL, contenders.OWN) as server:
        work = {}
        for name, body in bodies.items():
            path = directory / f"{name}.json"
            path.write_bytes(body)
            work[f"{name}, server"] = partial(requests, server, body, POSTS)
            work[f"{name}, orjson"] = partial(parse, path)
        samples = take_turns(work, rounds)
    return {
        "rows": len(numbers),
        "rounds": rounds,
        "bodies": {
            name: {"bytes": len(body), "server": samples[f"{name}, server"], "orjson": samples[f"{name}, orjson"]}
            for name, body in bodies.items()
        },
    }


def bounds(results: Result) -> Iterator[Bound]:
    """The server's time for each body ÷ that of orjson.loads."""
    for name, (bound, aim) in BOUNDS.items():
        body = results["bodies"][name]
        words = f"10,000-row POST, numbers {WORDS[name]}, ÷ `orjson.loads` of the same body"
        yield of_times(words, body["server"], body["orjson"], bound, aim, most=True)


def table(results: Result) -> str:
    """The results as Markdown: the least times of all rounds, and their ratios."""
    lines = head(
        f"numbers, in a POST of {results['rows']:,} rows",
        "body, MB",
        "ms",
        "CPU ms",
        "÷ those of JSON numbers: wall, CPU",
        "÷ `orjson.loads` of the same body: wall, CPU",
    )
    first = results["bodies"]["numbers"]["server"]
    for name, words in WORDS.items():
        body = results["bodies"][name]
        wall, cpu = (min(body["server"][key]) for key in ("wall", "cpu"))
        longer = f"{wall / min(first['wall']):.2f}, {cpu / min(first['cpu']):.2f}"
        parsed = f"{wall / min(body['orjson']['wall']):.2f}, {cpu / min(body['orjson']['cpu']):.2f}"
        lines.append(
            f"| {words} | {body['bytes'] / 1e6:.1f} | {wall * 1e3:.0f} | {cpu * 1e3:.0f} | {longer} | {parsed} |"
        )
    return "\n".join(lines)
