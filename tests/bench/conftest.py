"""Load at a small size: the real wrk for a fifth of a second, few rows, and servers that coverage does not measure."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path

import pytest

import scorer
from bench import pages
from bench.measure import Bodies
from bench.rows import Row, stand_in
from tests.support.processes import COVERAGE
from tests.support.skips import require


@pytest.fixture
def unmeasured(monkeypatch: pytest.MonkeyPatch) -> None:
    """Programs that this process starts run without coverage."""
    for name in [name for name in os.environ if name.startswith(COVERAGE)]:
        monkeypatch.delenv(name)


@pytest.fixture
def wrk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, unmeasured: None) -> None:  # noqa: ARG001
    """wrk takes whole seconds; a signal ends it earlier, and it prints its figures as at the end."""
    script = tmp_path / "bin" / "wrk"
    script.parent.mkdir()
    script.write_text(f'#!/bin/sh\nexec timeout --preserve-status --signal=INT 0.2 {require("wrk")} "$@"\n')
    script.chmod(0o755)
    monkeypatch.setenv("PATH", f"{script.parent}:{os.environ['PATH']}")


@pytest.fixture(scope="package")
def some_rows(model: scorer.Scorer, tmp_path_factory: pytest.TempPathFactory) -> list[Row]:
    """100 stand-in rows, as the benchmark sends them."""
    return stand_in(400, 13, tmp_path_factory.mktemp("rows"), model)[1]


@pytest.fixture
def bodies(some_rows: list[Row], tmp_path: Path) -> Bodies:
    """Their bodies."""
    return Bodies(some_rows, tmp_path)


@pytest.fixture
def docs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A directory with copies of the pages, which commands write to instead."""
    for path in {block.page for block in pages.BLOCKS}:
        (tmp_path / path.name).write_text(path.read_text())
    blocks = [replace(block, page=tmp_path / block.page.name) for block in pages.BLOCKS]
    monkeypatch.setattr(pages, "BLOCKS", blocks)
    return tmp_path
