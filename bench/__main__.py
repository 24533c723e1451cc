"""python -m bench [--quick | --only SECTION]: measures, and writes bench/results.json and what the docs show of it."""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import scorer
from bench import (
    additions,
    bodies,
    calls,
    connections,
    contenders,
    files,
    formats,
    instructions,
    library,
    measure,
    pages,
    replicas,
    report,
    workers,
)
from bench.capacity import page
from bench.machine import complaint, cpu_times, machine, made, say
from bench.peers.catalog import PEERS, PYTHON
from bench.peers.check import DifferenceError
from bench.peers.running import PeerError
from bench.rows import SEED, stand_in
from bench.wrk import LoadError, require_wrk

TRAIN_ROWS = 40_000
QUICK_PEERS = "ac"
QUICK_SECTIONS = ("servers", "memory", "cold_start")
PEER_SECTIONS = frozenset({"servers", "kernel"})
Results = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Workload:
    """What the sections measure with.

    Attributes:
        quick: whether to measure for a shorter time.
        directory: for files; it has the stand-in training and test rows.
        train: the stand-in training file.
        bodies: request bodies of the stand-in test rows.
    """

    quick: bool
    directory: Path
    train: Path
    bodies: measure.Bodies


Section = Callable[[Workload], Results]
SECTIONS: dict[str, Section] = {
    "servers": lambda work: _servers(work),
    "memory": lambda work: measure.memory(work.bodies),
    "cold_start": lambda work: measure.cold_start(3 if work.quick else 15),
    "cpu": lambda work: measure.cpu(work.bodies, 5),
    "growth": lambda work: measure.growth(work.bodies, 5),
    "calls": lambda work: calls.measure(work.bodies.rows, 3),
    "bodies": lambda work: bodies.measure(
        work.bodies.rows, bodies.read(work.directory / "test.csv"), work.directory, 5
    ),
    "formats": lambda work: formats.measure(work.bodies.rows, work.directory / "test.csv", 5),
    "library": lambda work: library.measure(work.directory / "test.csv"),
    "files": lambda work: files.measure(work.directory / "test.csv", work.directory),
    "workers": lambda work: workers.measure(work.bodies, 3, 2),
    "connections": lambda _: connections.measure(),
    "replicas": lambda work: replicas.measure(work.bodies, 3, 3, say),
    "instructions": lambda _: dict(instructions.measure()),
    "additions": lambda work: additions.measure(work.bodies, work.directory, 10),
    "beside_batches": lambda work: measure.beside_batches(work.bodies, 5),
    "swaps": lambda work: measure.swaps(work.bodies, work.directory, 5, 8),
    "slow": lambda work: measure.beside_slow(work.bodies, 5, 8),
    "kernel": lambda work: measure.kernel(work.quick),
    "export": lambda work: measure.export(work.train, work.directory),
}
"""Each gives one key of bench/results.json."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs the benchmark. Returns the exit code: 2, with a line on stderr for each, if sections cannot be measured."""
    options = _parser().parse_args(arguments)
    try:
        require_wrk()
        with tempfile.TemporaryDirectory() as directory:
            results, failed = run(options.quick, Path(directory), options.only or ())
    except (LoadError, PeerError) as error:
        print(f"bench: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("bench: interrupted, nothing was written", file=sys.stderr)
        return 130
    for name, why in failed.items():
        print(f"bench: {name} was not measured: {why}", file=sys.stderr)
    if options.quick:
        if not failed:
            print(report.tables(results))
    else:
        known = json.loads(page.RESULTS.read_text())
        results = {**known, **results, "made": {**known["made"], **results["made"]}}
        page.RESULTS.write_text(json.dumps(results, indent=1) + "\n")
        pages.write(results, json.loads(page.CAPACITY.read_text()))
        print(report.tables(results))
    return 2 if failed else 0


def run(quick: bool, directory: Path, only: Sequence[str] = ()) -> tuple[Results, dict[str, str]]:
    """Makes the measurements.

    Args:
        quick: make only the main ones, and for a shorter time.
        directory: for the files with request bodies.
        only: the sections to measure; if empty, all.

    Returns:
        The results by section, with the machine and what each section is ``made`` of; and by section that could not be
        measured, why.

    Raises:
        PeerError: the peers, which only the quick run can leave out, are not installed.
    """
    sections = only or (QUICK_SECTIONS if quick else tuple(SECTIONS))
    if not quick and not PYTHON.exists() and not PEER_SECTIONS.isdisjoint(sections):
        raise PeerError(f"{PYTHON} does not exist: make bench installs the peers there")
    say("Making the stand-in rows")
    train, bodies = make_bodies(directory)
    work = Workload(quick, directory, train, bodies)
    results: Results = {"quick": quick, "machine": machine(), "made": {}}
    failed = {}
    for name in sections:
        say(f"Measuring {name}")
        try:
            results[name] = SECTIONS[name](work)
        except (LoadError, PeerError, DifferenceError, OSError) as error:
            failed[name] = str(error)
        except subprocess.CalledProcessError as error:
            failed[name] = f"{error}: {complaint(error)}"
        else:
            results["made"][name] = made()
    return results, failed


def _servers(work: Workload) -> Results:
    who = [contenders.SCORER, contenders.FLOOR, contenders.TINY]
    if PYTHON.exists():
        who += [peer for peer in PEERS if not work.quick or peer.key in QUICK_PEERS]
    seconds, rounds = (1, 2) if work.quick else (2, 5)
    before = cpu_times()
    measured = measure.servers(who, work.bodies, rounds, seconds, 2 if work.quick else 4, say)
    now = cpu_times()
    return measured | {"stolen": (now.stolen - before.stolen) / max(now.total - before.total, 1.0)}


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="bench", description="How fast the scorer is, beside what users would pick.")
    which = parser.add_mutually_exclusive_group()
    which.add_argument("--quick", action="store_true", help="the main figures in under a minute; writes nothing")
    which.add_argument(
        "--only",
        action="append",
        choices=SECTIONS,
        metavar="SECTION",
        help=f"measure this section alone, and keep the others' results; may be repeated: {', '.join(SECTIONS)}",
    )
    return parser


def make_bodies(directory: Path) -> tuple[Path, measure.Bodies]:
    """The stand-in training file, and request bodies with the test rows: numbers as numbers, other cells as texts."""
    train, rows = stand_in(TRAIN_ROWS, SEED, directory, scorer.load())
    return train, measure.Bodies(rows, directory)


if __name__ == "__main__":
    sys.exit(main())
