"""What tests of engines share: one Spark session and one MLflow model for all of them."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from scorer.artifacts import mlflow as artifact
from tests.support.mlflow_models import ALONE
from tests.support.paths import ROOT

os.environ.update(ALONE)

QUICK_JAVA = "-XX:TieredStopAtLevel=1 -XX:+UseSerialGC"
"""Lets Java compile quickly rather than well: for a session of seconds that is about half of its CPU time."""

SETTINGS = {
    "spark.driver.bindAddress": "127.0.0.1",
    "spark.driver.extraJavaOptions": QUICK_JAVA,
    "spark.driver.host": "127.0.0.1",
    "spark.driver.memory": "1g",
    "spark.executor.extraJavaOptions": QUICK_JAVA,
    "spark.sql.session.timeZone": "UTC",
    "spark.sql.shuffle.partitions": "2",
    "spark.ui.enabled": "false",
    "spark.ui.showConsoleProgress": "false",
}
"""Of every session of the tests: nothing listens outside of this machine, and little is started."""


def start(master: str, directory: Path, python: str = sys.executable, path: Path | None = ROOT, **settings: str) -> Any:
    """Starts a session of this process, which has one at a time.

    Args:
        master: such as ``local[2]``.
        directory: for what Spark writes.
        python: what runs the workers.
        path: where they find modules beside those that are installed.
        settings: further ones, with _ for the dots of their names.
    """
    from pyspark.sql import SparkSession

    os.environ["PYSPARK_PYTHON"] = python
    os.environ["PYTHONPATH"] = str(path or "")
    os.environ["SPARK_LOCAL_IP"] = "127.0.0.1"  # where executors of a local cluster listen
    builder = SparkSession.builder.master(master).appName("tests")
    own = {"spark.local.dir": directory / "local", "spark.sql.warehouse.dir": directory / "warehouse"}
    given = {name.replace("_", "."): value for name, value in settings.items()}
    for name, value in {**SETTINGS, **own, **given}.items():
        builder = builder.config(name, str(value))
    session = builder.getOrCreate()
    session.sparkContext.setLogLevel("ERROR")
    return session


@pytest.fixture(scope="session")
def spark(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    """A Spark session of two threads, shared by all tests that take it (mark them with ``needs("java")``)."""
    session = start("local[2]", tmp_path_factory.mktemp("spark"))
    yield session
    session.stop()


@pytest.fixture(scope="session")
def mlflow_model(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """The shipped model as an MLflow model. What MLflow itself writes is in a directory of the tests too."""
    import mlflow

    directory = tmp_path_factory.mktemp("mlflow")
    before = mlflow.get_tracking_uri()
    mlflow.set_tracking_uri(f"sqlite:///{directory}/mlflow.db")
    artifact.write(directory / "model")
    yield directory / "model"
    mlflow.set_tracking_uri(before)
