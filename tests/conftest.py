"""What many tests need: the shipped model, stand-in data, a store, a small model of another shape, a running server."""

from __future__ import annotations

import copy
import json
import os
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, settings

import scorer
from export import certificate
from scorer import reading
from scorer.coefficients import CoefficientFile
from tests.support import standin
from tests.support.models import RELEASED_1_0_0, SHIPPED, SMALL
from tests.support.paths import ROWS
from tests.support.servers import Server, running
from tests.support.skips import pytest_addoption, pytest_sessionfinish, pytest_terminal_summary  # noqa: F401
from tests.support.standin import StandIn
from tests.support.stores import Store

settings.register_profile("tests", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("tests")


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_auto_num_workers() -> int:
    """With -n auto, one process more than there are CPUs: tests wait for servers now and then."""
    return len(os.sched_getaffinity(0)) + 1


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Long modules begin first: where several processes share them, none is left with one at the end."""
    items.sort(key=lambda item: item.get_closest_marker("long") is None)


@pytest.fixture(scope="session")
def model() -> scorer.Scorer:
    """The shipped model."""
    return scorer.load()


@pytest.fixture(scope="session")
def row() -> dict[str, Any]:
    """A stand-in row with all 100 inputs, as a caller sends it: the first of examples/rows.json."""
    first: dict[str, Any] = json.loads(ROWS.read_bytes())[0]
    return first


@pytest.fixture(scope="session")
def shared_directory(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One directory for all processes of a run: each has its own below it where there are several."""
    own = tmp_path_factory.getbasetemp()
    return own.parent if "PYTEST_XDIST_WORKER" in os.environ else own


@pytest.fixture(scope="session")
def stand_in(shared_directory: Path, model: scorer.Scorer) -> StandIn:
    """Stand-in files, and the test rows."""
    return standin.shared(shared_directory, model)


@pytest.fixture(scope="session")
def versions(model: scorer.Scorer) -> list[CoefficientFile]:
    """Three versions: 1.0.0 as it was released, in format 1, and two with an intercept, certified by statsmodels, in
    formats 2 and 3."""
    changed = [
        certificate.certify(replace(model.file, version=version, intercept=intercept, format=file_format))
        for version, intercept, file_format in (("1.1.0", 0.25, 2), ("1.2.0", -0.5, 3))
    ]
    return [reading.read(RELEASED_1_0_0), *changed]


@pytest.fixture
def store(tmp_path: Path, versions: list[CoefficientFile]) -> Store:
    """A directory with the three versions, 1.0.0 current."""
    filled = Store(tmp_path / "store", *versions)
    filled.point("1.0.0")
    return filled


@pytest.fixture(scope="session")
def server() -> Iterator[Server]:
    """The shipped model served by one worker, as a user starts it."""
    with running() as started:
        yield started


@pytest.fixture
def document() -> dict[str, Any]:
    """The shipped coefficient file as a document to be changed."""
    parsed: dict[str, Any] = json.loads(SHIPPED.read_bytes())
    return parsed


@pytest.fixture
def small() -> dict[str, Any]:
    """A small coefficient file of another shape than the shipped one, as a document to be changed."""
    return copy.deepcopy(SMALL)
