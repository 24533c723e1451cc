"""What the docs show of bench/results.json: each block stands between marks that name the command which makes it."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from bench import (
    additions,
    bodies,
    calls,
    connections,
    files,
    formats,
    library,
    markdown,
    prose,
    replicas,
    report,
    workers,
)
from bench.capacity import page
from bench.engines import page as engines
from bench.peers.catalog import ROOT
from bench.report import Results

README, PERFORMANCE, ARCHITECTURE = ROOT / "README.md", markdown.PAGE, ROOT / "docs" / "architecture.md"


@dataclass(frozen=True, slots=True)
class Block:
    """A part of a page.

    Attributes:
        page: the page.
        command: what makes it.
        text: gives it, from bench/results.json and bench/capacity.json.
    """

    page: Path
    command: str
    text: Callable[[Results, Results], str]


BLOCKS = (
    Block(README, "python -m bench", lambda results, _: prose.headline(results)),
    Block(PERFORMANCE, "python -m bench", lambda results, _: report.tables(results)),
    Block(PERFORMANCE, "python -m bench, python -m bench.capacity", prose.rates),
    Block(PERFORMANCE, "python -m bench --only calls", lambda results, _: calls.table(results["calls"])),
    Block(PERFORMANCE, "python -m bench --only bodies", lambda results, _: bodies.table(results["bodies"])),
    Block(PERFORMANCE, "python -m bench --only formats", lambda results, _: formats.table(results["formats"])),
    Block(PERFORMANCE, "python -m bench --only library", lambda results, _: library.table(results["library"])),
    Block(PERFORMANCE, "python -m bench --only files", lambda results, _: files.table(results["files"])),
    Block(PERFORMANCE, "python -m bench --only workers", lambda results, _: workers.table(results["workers"])),
    Block(
        PERFORMANCE, "python -m bench --only connections", lambda results, _: connections.table(results["connections"])
    ),
    Block(PERFORMANCE, "python -m bench --only replicas", lambda results, _: replicas.table(results["replicas"])),
    Block(ARCHITECTURE, "python -m bench --only additions", lambda results, _: additions.table(results["additions"])),
    Block(PERFORMANCE, page.COMMAND, page.tables),
    Block(engines.PAGE, engines.COMMAND, lambda *_: engines.text(json.loads(engines.ENGINES.read_text()))),
)


def write(results: Results, capacity: Results) -> None:
    """Writes all blocks.

    Args:
        results: content of bench/results.json.
        capacity: content of bench/capacity.json.
    """
    for block in BLOCKS:
        markdown.put(block.page, block.command, block.text(results, capacity))
