"""Spark jobs that tests run in processes of their own, since parts of these are killed: python -m … JOB DIRECTORY."""

from __future__ import annotations

import json
import os
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from pyspark.errors import PythonException
from pyspark.sql import functions

from scorer.engines import spark
from tests.engines.conftest import start

PARTITIONS = 2
BATCHES = 30
"""Of a partition."""
BATCH_ROWS = 1_000
PADDING = 2_000
"""Bytes added to a row: a partition is more than fits between processes, so some of it is scored before all is sent."""
PATIENCE = 240.0
"""Seconds until a job that waits for something gives up."""


def wait(directory: Path) -> Callable[[Iterator[Any]], Iterator[Any]]:
    """A function of batches that hands on those of partition 0 until the first of them are scored, and then waits to be
    killed: the first time that this partition is tried."""
    marker = directory / "waiting"

    def passed(batches: Iterator[Any]) -> Iterator[Any]:
        from pyspark import TaskContext

        context = TaskContext.get()
        waits = context.partitionId() == 0 and context.attemptNumber() == 0
        for batch in batches:
            if waits and is_scored(directory):
                _write(marker, str(os.getpid()))
                until(lambda: not marker.exists())
            yield batch

    return passed


def tally(directory: Path) -> Callable[[Iterator[Any]], Iterator[Any]]:
    """A function of batches that notes each in a file: partition, attempt, its process."""
    path = directory / "tally"

    def passed(batches: Iterator[Any]) -> Iterator[Any]:
        from pyspark import TaskContext

        context = TaskContext.get()
        for batch in batches:
            with path.open("a") as file:
                file.write(f"{context.partitionId()} {context.attemptNumber()} {os.getpid()}\n")
            yield batch

    return passed


def tallied(directory: Path) -> list[tuple[int, int, int]]:
    """Partition, attempt and process of each batch that was scored so far."""
    path = directory / "tally"
    lines = path.read_text().splitlines() if path.exists() else []
    return [(int(a), int(b), int(c)) for a, b, c in map(str.split, lines)]


def is_scored(directory: Path) -> bool:
    """Whether some of partition 0 is scored."""
    return any(partition == 0 for partition, _, _ in tallied(directory))


def until(condition: Callable[[], object]) -> None:
    """Polls a condition."""
    end = time.monotonic() + PATIENCE
    while not condition():
        if time.monotonic() > end:
            raise TimeoutError("the condition did not come true")
        time.sleep(0.02)


def _write(path: Path, text: str) -> None:
    partial = path.with_suffix(".partial")
    partial.write_text(text)
    partial.rename(path)


def parent(pid: int) -> int:
    return int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1])


def command(pid: int) -> str:
    return Path(f"/proc/{pid}/cmdline").read_text().replace("\0", " ")


def children(pid: int) -> set[int]:
    found = set()
    for process in Path("/proc").iterdir():
        if process.name.isdigit():
            try:
                if parent(int(process.name)) == pid:
                    found.add(int(process.name))
            except (FileNotFoundError, ProcessLookupError):
                pass
    return found


def scoring_workers(directory: Path) -> set[int]:
    """The Python workers of the job that neither wait nor tally: those that score."""
    waiting = int((directory / "waiting").read_text())
    return children(parent(waiting)) - {waiting} - {pid for _, _, pid in tallied(directory)}


def executor(directory: Path) -> set[int]:
    """The executor of partition 0."""
    found = parent(parent(int((directory / "waiting").read_text())))
    assert "CoarseGrainedExecutorBackend" in command(found)
    return {found}


def kill(directory: Path, find: Callable[[Path], set[int]], killed: list[int]) -> None:
    """Kills processes once some of partition 0 is scored, and the rest waits."""
    until((directory / "waiting").exists)
    killed += find(directory)
    for pid in killed:
        os.kill(pid, signal.SIGKILL)


def run(master: str, directory: Path, find: Callable[[Path], set[int]]) -> None:
    """Scores a file while processes of the job are killed, and writes the result and what became of the job."""
    session = start(
        master, directory, spark_sql_execution_arrow_maxRecordsPerBatch=str(BATCH_ROWS), spark_default_parallelism="2"
    )
    rows = session.read.parquet(str(directory / "rows.parquet")).repartitionByRange(PARTITIONS, "id")
    rows = rows.withColumn("much", functions.repeat(functions.lit("x"), PADDING))
    killed: list[int] = []
    killer = threading.Thread(target=kill, args=(directory, find, killed), daemon=True)
    killer.start()
    waited = rows.mapInArrow(wait(directory), rows.schema)
    scores = spark.score(waited, keep=["id", "much"])
    result = scores.mapInArrow(tally(directory), scores.schema).drop("much").repartition(2).toArrow()
    killer.join()
    session.stop()
    write(result, directory / "scores.parquet")
    told = {"killed": killed, "attempts": sorted({each[:2] for each in tallied(directory)})}
    (directory / "told.json").write_text(json.dumps(told))


def write(table: Any, path: Path) -> None:
    from pyarrow import parquet

    parquet.write_table(table.sort_by("id"), path)


def stream(directory: Path) -> None:
    """Scores a directory's files, one in a batch; in the third it waits to be killed, the first time."""
    session = start("local[2]", directory)
    schema = session.read.parquet(str(directory / "rows")).schema
    rows = session.readStream.schema(schema).option("maxFilesPerTrigger", 1).parquet(str(directory / "rows"))
    marker, third = directory / "waiting", 2 * BATCH_ROWS

    def passed(batches: Iterator[Any]) -> Iterator[Any]:
        for batch in batches:
            if not marker.exists() and third in batch.column("id").to_pylist():
                _write(marker, str(os.getpid()))
                until(lambda: not marker.exists())
            yield batch

    scores = spark.score(rows.mapInArrow(passed, schema), keep=["id"])
    query = scores.writeStream.format("parquet").option("path", str(directory / "scores"))
    query = query.option("checkpointLocation", str(directory / "checkpoint")).trigger(availableNow=True)
    query.start().awaitTermination()
    write(session.read.parquet(str(directory / "scores")).toArrow(), directory / "scores.parquet")
    session.stop()


def packed(directory: Path) -> None:
    """Scores a file in workers that have no package of this project but the one in scorer.zip."""
    session = start("local[2]", directory, python=str(directory / "lean" / "bin" / "python"), path=None)
    rows = session.read.parquet(str(directory / "rows.parquet"))
    try:
        spark.score(rows, keep=["id"]).collect()
    except PythonException as error:
        (directory / "without").write_text(str(error).strip())
    session.sparkContext.addPyFile(str(directory / "scorer.zip"))
    write(spark.score(rows, keep=["id"]).toArrow(), directory / "scores.parquet")
    scored = rows.select("id", spark.udf()().alias("scores")).select("id", "scores.*")
    write(scored.toArrow(), directory / "scores-of-udf.parquet")
    session.stop()


if __name__ == "__main__":
    job, where = sys.argv[1], Path(sys.argv[2])
    if job == "worker":
        run("local[2,4]", where, scoring_workers)
    elif job == "executor":
        run("local-cluster[2,1,1024]", where, executor)
    elif job == "stream":
        stream(where)
    else:
        packed(where)
