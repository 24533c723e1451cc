"""python -m bench.load: load on a running server, with summaries on stdout, a log and a picture of each scenario."""

from __future__ import annotations

import argparse
import json
import os
import sys
import tempfile
from collections.abc import Sequence
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path

import uvloop

import scorer
from bench.load import picture, summary
from bench.load.answers import Expected, check_model
from bench.load.client import Target, TargetError
from bench.load.drive import Driver, Run, poisson
from bench.load.scenarios import LARGEST_BATCH, NAMES, Bodies, Scenario, scenarios
from bench.peers.catalog import ROOT
from bench.rows import SEED, stand_in
from export.standin import TEST_SHARE

URL = "http://127.0.0.1:1313"
OUT = ROOT / "bench" / "load-results"


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs scenarios.

    Returns:
        The exit code: 1 if an answer was missing, late or wrong, 2 if nothing could be sent, 130 after Ctrl-C.
    """
    options = _parser().parse_args(arguments)
    try:
        return _run(options)
    except (TargetError, scorer.ScorerError) as error:
        hint = "; `make run` starts one there" if options.url == URL and "refused" in str(error) else ""
        print(f"load: {error}{hint}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        return 130


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="bench.load", description="Load on a running server, every answer checked.")
    parser.add_argument("names", nargs="*", metavar="SCENARIO", help=f"one or more of {', '.join(NAMES)}; default: all")
    parser.add_argument("--url", default=URL, help="URL of the server; %(default)s")
    parser.add_argument("--key", default=os.environ.get("LOAD_KEY", ""), help="an API key; default: LOAD_KEY")
    parser.add_argument("--model", help="coefficient file that the server should serve; default: the shipped one")
    parser.add_argument("--rows", type=_positive(int), default=10_000, help="stand-in rows; %(default)s")
    parser.add_argument(
        "--largest", type=_positive(int), default=LARGEST_BATCH, help="rows of the largest random batch; %(default)s"
    )
    parser.add_argument(
        "--connections", type=_positive(int), default=8, help="number of parallel connections; %(default)s"
    )
    parser.add_argument("--rate", type=_positive(float), help="calls per second, sent without waiting for answers")
    parser.add_argument("--seconds", type=_positive(float), default=120.0, help="time limit of a scenario; %(default)s")
    parser.add_argument("--seed", type=int, default=SEED, help="seed of the rows and of random choices; %(default)s")
    parser.add_argument(
        "--out", type=Path, default=OUT, help="directory for logs and pictures; default: bench/load-results"
    )
    return parser


def _positive(kind: type[int] | type[float]) -> type[int] | type[float]:
    def positive(text: str) -> float:
        if not (number := kind(text)) > 0:
            raise ValueError
        return number

    positive.__name__ = f"positive {kind.__name__}"  # its name in argparse's message
    return positive  # type: ignore[return-value]


def _run(options: argparse.Namespace) -> int:
    wanted = options.names or NAMES
    for name in wanted:
        if name not in NAMES:
            raise TargetError(f"no scenario is called {name}; there are {', '.join(NAMES)}")
    target, model = Target(options.url, options.key), scorer.load(options.model)
    uvloop.run(check_model(target, model))
    with tempfile.TemporaryDirectory() as directory:
        _, rows = stand_in(options.rows * TEST_SHARE, options.seed, Path(directory), model)
    bodies, expected = Bodies(rows), Expected(model, rows)
    options.out.mkdir(parents=True, exist_ok=True)
    failed = False
    for scenario in scenarios(options.rows, options.largest, options.seed):
        if scenario.name not in wanted:
            continue
        run = _drive(scenario, target, bodies, options)
        failed |= not _report(scenario, run, expected, options)
        if run.interrupted:
            return 130
    return int(failed)


def _drive(scenario: Scenario, target: Target, bodies: Bodies, options: argparse.Namespace) -> Run:
    paced = options.rate and not scenario.one_by_one
    arrivals = poisson(options.rate, options.seed) if paced else None
    connections = 1 if scenario.one_by_one else options.connections
    driver = Driver(target, bodies, scenario.calls, arrivals)
    with suppress(KeyboardInterrupt):
        return uvloop.run(driver.drive(connections, options.seconds))
    return driver.run


def _report(scenario: Scenario, run: Run, expected: Expected, options: argparse.Namespace) -> bool:
    """Prints and writes the results of a scenario. Returns whether every call was answered correctly."""
    first = next(iter([words for words in map(expected.check, run.records) if words]), "")
    found = summary.figures(run)
    rate = None if scenario.one_by_one else options.rate
    title = summary.title(scenario, options.connections, rate)
    log, image = (options.out / f"{scenario.name}.{suffix}" for suffix in ("json", "png"))
    print("\n".join([title, *summary.lines(scenario, found, first), f"  {log}, {image}"]), flush=True)
    head = {"scenario": scenario.name, "title": title, "url": options.url, "ended": f"{datetime.now(UTC):%FT%TZ}"}
    what = {"seed": options.seed, "connections": options.connections, "rate": rate, "first_wrong": first}
    log.write_text(json.dumps({**head, **what, "summary": found, "calls": summary.calls(run)}) + "\n")
    if run.records:
        picture.draw(run, title, image)
    return bool(found["right"] == len(scenario.calls))


if __name__ == "__main__":
    sys.exit(main())
