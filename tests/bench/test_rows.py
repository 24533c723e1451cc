"""The benchmark's rows and bodies."""

from __future__ import annotations

from pathlib import Path

import orjson

import scorer
from bench.measure import Bodies
from bench.rows import Row, stand_in


def test_numbers_are_numbers_and_other_cells_texts(some_rows: list[Row], model: scorer.Scorer) -> None:
    assert len(some_rows) == 100
    for row in some_rows:
        for declared in model.file.inputs:
            expected = float if declared.kind == "number" else str
            assert row[declared.name] is None or type(row[declared.name]) is expected
    assert any(None in row.values() for row in some_rows)


def test_the_same_seed_gives_the_same_rows(some_rows: list[Row], model: scorer.Scorer, tmp_path: Path) -> None:
    assert stand_in(400, 13, tmp_path, model)[1] == some_rows
    assert stand_in(400, 14, tmp_path, model)[1] != some_rows


def test_a_body_repeats_the_rows_as_needed(bodies: Bodies, some_rows: list[Row]) -> None:
    assert orjson.loads(bodies.of(250).read_bytes()) == some_rows * 2 + some_rows[:50]
    assert orjson.loads(bodies.of(100).read_bytes()) == some_rows
    assert orjson.loads(bodies.of(0).read_bytes()) == some_rows[0]
