"""python -m bench [--quick]: measures, and writes bench/results.json and its tables in docs/."""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import scorer
from bench import contenders, measure, report
from bench.capacity import page
from bench.machine import complaint, machine, say
from bench.peers.catalog import PEERS, PYTHON
from bench.peers.check import DifferenceError
from bench.peers.running import PeerError
from bench.rows import SEED, stand_in
from bench.wrk import LoadError, require_wrk

TRAIN_ROWS = 40_000
QUICK_PEERS = "ac"


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs the benchmark. Returns the exit code: 2, with one line on stderr, if it cannot be run."""
    parser = argparse.ArgumentParser(prog="bench", description="How fast the scorer is, beside what users would pick.")
    parser.add_argument("--quick", action="store_true", help="the main figures in under a minute; writes nothing")
    quick = parser.parse_args(arguments).quick
    try:
        require_wrk()
        with tempfile.TemporaryDirectory() as directory:
            results = run(quick, Path(directory))
    except (LoadError, PeerError, DifferenceError) as error:
        print(f"bench: {error}", file=sys.stderr)
        return 2
    except subprocess.CalledProcessError as error:
        print(f"bench: {error}: {complaint(error)}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("bench: interrupted, nothing was written", file=sys.stderr)
        return 130
    print(report.tables(results))
    if not quick:
        page.RESULTS.write_text(json.dumps(results, indent=1) + "\n")
        report.write(results)
        page.write(results, json.loads(page.CAPACITY.read_text()))
    return 0


def run(quick: bool, directory: Path) -> dict[str, Any]:
    """Makes all measurements.

    Args:
        quick: make only the main ones, and for a shorter time.
        directory: for the files with request bodies.

    Raises:
        PeerError: the peers, which only the quick run can leave out, are not installed, or one does not start.
    """
    if not quick and not PYTHON.exists():
        raise PeerError(f"{PYTHON} does not exist: make bench installs the peers there")
    say("Making the stand-in rows")
    train, bodies = make_bodies(directory)
    seconds, rounds = (1, 2) if quick else (2, 5)
    who = [contenders.SCORER, contenders.FLOOR]
    if PYTHON.exists():
        who += [peer for peer in PEERS if not quick or peer.key in QUICK_PEERS]
    results: dict[str, Any] = {"quick": quick, "machine": machine()}
    say("Servers: batches of 10,000 rows, and single rows on 8 connections")
    results["servers"] = measure.servers(who, bodies, rounds, seconds, 2 if quick else 4, say)
    say("Memory")
    results["memory"] = measure.memory(bodies)
    say("Cold start")
    results["cold_start"] = measure.cold_start(3 if quick else 15)
    if quick:
        return results
    say("Processor time")
    results["cpu"] = measure.cpu(bodies, 5)
    say("Growth")
    results["growth"] = measure.growth(bodies, rounds)
    say("Workers")
    results["workers"] = measure.workers(bodies, rounds, seconds)
    say("Single rows beside batches")
    results["beside_batches"] = measure.beside_batches(bodies, 5)
    say("Swaps")
    results["swaps"] = measure.swaps(bodies, directory, rounds, 4 * seconds)
    say("Slow connections")
    results["slow"] = measure.beside_slow(bodies, rounds, 4 * seconds)
    say("Kernel")
    results["kernel"] = measure.kernel(quick)
    say("Export")
    results["export"] = measure.export(train, directory)
    return results


def make_bodies(directory: Path) -> tuple[Path, measure.Bodies]:
    """The stand-in training file, and request bodies with the test rows: numbers as numbers, other cells as texts."""
    train, rows = stand_in(TRAIN_ROWS, SEED, directory, scorer.load())
    return train, measure.Bodies(rows, directory)


if __name__ == "__main__":
    sys.exit(main())
