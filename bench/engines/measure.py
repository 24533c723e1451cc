"""What rows cost, on Spark and beside it."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from functools import partial
from importlib.util import find_spec
from pathlib import Path
from shutil import which
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

import scorer
from bench.engines.programs import times_of
from bench.engines.rows import GROUP, PARTS, Rows, Tables, draw
from bench.engines.session import EngineError, Session, session
from bench.engines.ways import WAYS
from bench.kernel import EXACT
from bench.machine import cpu_times
from bench.peers.catalog import ROOT
from bench.timing import Samples, Times, take_turns
from scorer.scorer import Scorer

BATCH, CODEC = "spark.sql.execution.arrow.maxRecordsPerBatch", "spark.sql.execution.arrow.compression.codec"
OWN = ("scorer score", "polars")
"""Programs that score with the library."""
TO_THE_BIT = ("score", "score alone", "udf", *OWN)
Result = dict[str, Any]
Say = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Sizes:
    """Rows to measure with; PARTS divides them.

    Attributes:
        rows: for the ways through Spark, and the programs that score with the library.
        fewer: for settings and growth, and for pandas outside of Spark.
        wide: with all columns.
        drawn: rows that the files repeat.
        rounds: those that count.
    """

    rows: int = 5_000_000
    fewer: int = 1_000_000
    wide: int = 250_000
    drawn: int = 100_000
    rounds: int = 5


@dataclass(frozen=True, slots=True)
class Case:
    """A way through Spark with something else than usual.

    Attributes:
        way: one of WAYS.
        rows: ``few``, ``numbers`` or ``wide``.
        settings: of the session, for this alone.
        session: ``plain``, or one with settings that need a session of its own.
    """

    way: str
    rows: str = "few"
    settings: Mapping[str, str] | None = None
    session: str = "plain"


SESSIONS: dict[str, dict[str, str]] = {
    "plain": {},
    "no reuse": {"spark.python.worker.reuse": "false"},
    "domain sockets": {"spark.python.unix.domain.socket.enabled": "true"},
}
CASES = {
    "as it is": Case("score"),
    "batches of 1,000": Case("score", settings={BATCH: "1000"}),
    "batches of 100,000": Case("score", settings={BATCH: "100000"}),
    "zstd": Case("score", settings={CODEC: "zstd"}),
    "no reuse": Case("score", session="no reuse"),
    "domain sockets": Case("score", session="domain sockets"),
    "numbers": Case("score", "numbers"),
    "wide, identity": Case("identity", "wide"),
    "wide, all kept": Case("score", "wide"),
    "wide, scores alone": Case("score alone", "wide"),
}


def measure(sizes: Sizes, directory: Path, say: Say) -> Result:
    """Makes the files, compares what all ways give with the library's phat, and measures.

    Args:
        sizes: how many rows.
        directory: for files; what is in it afterwards is of no use.
        say: tells progress.

    Raises:
        EngineError: Spark is not there, or ends; a way gives other scores.
        subprocess.CalledProcessError: a program fails.
    """
    _need_spark()
    say("Making the stand-in rows")
    model, before = scorer.load(), cpu_times()
    tables = draw(model, sizes.drawn)
    rows = _write(tables, sizes, directory)
    results = {
        "columns": len(model.equation.inputs),
        "group": GROUP,
        "rows": {name: {"count": one.count, "bytes": one.bytes} for name, one in rows.items()},
        **_on_spark(model, rows, directory, sizes.rounds, say),
    }
    say("Measuring programs")
    results["programs"] = programs(model, tables.drawn, rows, directory, sizes.rounds)
    now = cpu_times()
    return {**results, "stolen": (now.stolen - before.stolen) / max(now.total - before.total, 1.0)}


def _need_spark() -> None:
    if not find_spec("pyspark"):
        raise EngineError("pyspark is not installed in this environment: run make bench-engines")
    if not which("java"):
        raise EngineError("Java 17 or newer is not installed: apt-get install default-jre-headless")


def _on_spark(model: Scorer, rows: Mapping[str, Rows], directory: Path, rounds: int, say: Say) -> Result:
    with ExitStack() as stack:

        def started(name: str, cpus: int, settings: Mapping[str, str]) -> Session:
            return stack.enter_context(session(directory / f"session, {name}", cpus, settings))

        sessions = {name: started(name, 2, settings) for name, settings in SESSIONS.items()}
        plain, alone = sessions["plain"], started("one CPU", 1, {})
        check(model, plain, rows["few"], directory)
        say("Measuring ways through Spark")
        ways = {way: partial(plain.take, way, rows["parts"].path) for way in WAYS}
        results: Result = {"spark": take_turns(ways, rounds)}
        say("Measuring settings of Spark")
        cases = {
            name: partial(sessions[case.session].take, case.way, rows[case.rows].path, case.settings)
            for name, case in CASES.items()
        }
        results["settings"] = take_turns(cases, rounds)
        say("Measuring growth from one CPU to two")
        results["growth"] = growth(alone, plain, rows, directory, rounds)
    return results


def _write(tables: Tables, sizes: Sizes, directory: Path) -> dict[str, Rows]:
    files = {
        "whole": (tables.drawn, sizes.rows, 1),
        "parts": (tables.drawn, sizes.rows, PARTS),
        "single": (tables.drawn, sizes.fewer, 1),
        "halves": (tables.drawn, sizes.fewer, 2),
        "few": (tables.drawn, sizes.fewer, PARTS),
        "numbers": (tables.numbers, sizes.fewer, PARTS),
        "wide": (tables.wide, sizes.wide, PARTS),
    }
    return {name: tables.write(*each, directory / name) for name, each in files.items()}


def check(model: Scorer, spark: Session, rows: Rows, directory: Path) -> None:
    """Compares the phat of every way through Spark with the library's: to the bit, or to EXACT where sums are others'.

    Raises:
        EngineError: one differs.
    """
    expected = np.sort(model.score(pq.read_table(rows.path)).phat)
    for way in WAYS.keys() - {"scan", "identity"}:
        out = directory / "checked"
        spark.take(way, rows.path, out=out)
        table = pq.read_table(out)
        scores = table["scores"].combine_chunks().field("phat") if "scores" in table.column_names else table["phat"]
        _compare(way, np.sort(scores.to_numpy()), expected)
        shutil.rmtree(out)


def _compare(way: str, phat: NDArray[np.float64], expected: NDArray[np.float64]) -> None:
    tolerance = 0.0 if way in TO_THE_BIT else EXACT
    if len(phat) != len(expected) or not np.abs(phat - expected).max() <= tolerance:
        raise EngineError(f"{way}: phat differs from the library's by more than {tolerance:g}")


def growth(one: Session, two: Session, rows: Mapping[str, Rows], directory: Path, rounds: int) -> dict[str, Samples]:
    """What the same rows take on one CPU and on two, where `scorer score` has two processes."""
    (whole,), halves, few = rows["single"].files, rows["halves"].files, rows["few"].path
    return take_turns(
        {
            "spark, 1": partial(one.take, "score", few),
            "spark, 2": partial(two.take, "score", few),
            "scorer score, 1": partial(_program, "scorer score", whole, directory, 1),
            "scorer score, 2": partial(run, [_command("scorer score", file, directory) for file in halves], 2),
            "polars, 1": partial(_program, "polars", whole, directory, 1),
            "polars, 2": partial(_program, "polars", whole, directory, 2),
        },
        rounds,
    )


def programs(model: Scorer, drawn: pa.Table, rows: Mapping[str, Rows], directory: Path, rounds: int) -> Result:
    """What programs take from Parquet to Parquet; of `scorer score` the start of the process is part.

    Returns:
        By program: rows, times, and the bytes of the scores.

    Raises:
        EngineError: the scores of one are not the library's.
    """
    each = {name: rows["whole" if name in OWN else "single"] for name in (*OWN, "one-hot", "dummies")}
    work = {name: partial(_program, name, one.files[0], directory, 2) for name, one in each.items()}
    samples = take_turns(work, rounds)
    expected = model.score(drawn).phat
    results = {}
    for name, one in each.items():
        out = _out(name, one.files[0], directory)
        _compare(name, pq.read_table(out)["phat"].to_numpy(), np.resize(expected, one.count))
        results[name] = {"rows": one.count, "scores_bytes": out.stat().st_size, **samples[name]}
    return results


def _program(name: str, file: Path, directory: Path, cpus: int) -> Times:
    taken, own = run([_command(name, file, directory)], cpus), times_of(_out(name, file, directory))
    return Times(**json.loads(own.read_text())) if own.exists() else taken


def _command(name: str, file: Path, directory: Path) -> list[str]:
    out = str(_out(name, file, directory))
    if name == "scorer score":
        return ["-m", "scorer", "score", str(file), "--variables", "none", "--out", out]
    return ["-m", "bench.engines.programs", name, str(file), out]


def _out(name: str, file: Path, directory: Path) -> Path:
    return directory / f"{name} of {file.parent.name} {file.stem}.parquet"


def run(commands: Sequence[Sequence[str]], cpus: int) -> Times:
    """Runs Python commands at the same time.

    Args:
        commands: the arguments of each.
        cpus: how many CPUs they may run on together.

    Returns:
        Their CPU time together, and the wall time until the last one has ended.

    Raises:
        subprocess.CalledProcessError: one fails.
    """
    allowed = sorted(os.sched_getaffinity(0))[:cpus]
    child = [sys.executable, "-m", "bench.child", sys.executable]
    pipe = subprocess.PIPE
    began = time.perf_counter()
    started = [
        subprocess.Popen(
            [*child, *command],
            cwd=ROOT,
            stdout=pipe,
            stderr=pipe,
            text=True,
            preexec_fn=partial(os.sched_setaffinity, 0, allowed),
        )
        for command in commands
    ]
    ended = [(process, *process.communicate()) for process in started]
    wall = time.perf_counter() - began
    for process, written, complaint in ended:
        if process.returncode:
            raise subprocess.CalledProcessError(process.returncode, process.args, written, complaint)
    return Times(sum(json.loads(written)["cpu"] for _, written, _ in ended), wall)
