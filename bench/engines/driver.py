"""python -m bench.engines.driver: a Spark session in a process of its own, that does what it is told on standard input.

Each line is a JSON object: the way to take, the files to read, the session's settings meanwhile, and where to write;
without a place the rows go to Spark's noop sink, which costs nothing. Each answer is one on standard output: what it
took, in seconds.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from bench.engines import clock
from bench.engines.ways import WAYS
from bench.peers.catalog import HOST, ROOT

SETTINGS = {
    "spark.driver.bindAddress": HOST,
    "spark.driver.host": HOST,
    "spark.driver.memory": "2g",
    "spark.ui.enabled": "false",
    "spark.ui.showConsoleProgress": "false",
}


def main(arguments: Sequence[str] | None = None) -> int:
    """Starts a session and serves until standard input ends. Returns the exit code."""
    parser = argparse.ArgumentParser(prog="driver", description=__doc__.partition("\n")[0])
    parser.add_argument("cpus", type=int, help="how many CPUs all of it may run on, and tasks at a time")
    parser.add_argument("directory", type=Path, help="for what Spark writes")
    parser.add_argument("settings", help="further settings of the session, as a JSON object")
    options = parser.parse_args(arguments)
    answers = os.fdopen(os.dup(1), "w", buffering=1)
    os.dup2(2, 1)  # whatever else is printed, by the JVM too, is no answer
    os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[: options.cpus])
    session = start(options.cpus, options.directory, json.loads(options.settings))
    try:
        for line in sys.stdin:
            print(json.dumps(_take(session, **json.loads(line))), file=answers)
    finally:
        session.stop()
    return 0


def start(cpus: int, directory: Path, settings: dict[str, str]) -> Any:
    """A session whose workers run this Python, on this tree."""
    from pyspark.sql import SparkSession

    os.environ["PYSPARK_PYTHON"] = sys.executable
    os.environ["PYTHONPATH"] = os.pathsep.join(filter(None, (str(ROOT), os.environ.get("PYTHONPATH"))))
    builder = SparkSession.builder.master(f"local[{cpus}]").appName("bench")
    own = {"spark.local.dir": str(directory / "local"), "spark.sql.warehouse.dir": str(directory / "warehouse")}
    for name, value in {**SETTINGS, **own, **settings}.items():
        builder = builder.config(name, value)
    session = builder.getOrCreate()
    session.sparkContext.setLogLevel("ERROR")
    return session


def _take(session: Any, way: str, rows: str, settings: dict[str, str], out: str) -> dict[str, float]:
    for name, value in settings.items():
        session.conf.set(name, value)
    try:
        before, began = clock.taken(os.getpid()), time.perf_counter()
        writer = WAYS[way](session.read.parquet(rows)).write.mode("overwrite")
        writer.parquet(out) if out else writer.format("noop").save()
        wall, cpu = time.perf_counter() - began, clock.taken(os.getpid()).since(before)
    finally:
        for name in settings:
            session.conf.unset(name)
    return {"jvm": cpu.jvm, "python": cpu.python, "cpu": cpu.jvm + cpu.python, "wall": wall}


if __name__ == "__main__":
    sys.exit(main())
