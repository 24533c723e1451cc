"""Tables of other libraries."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest

import scorer
from bench import library
from bench.rows import stand_in


@pytest.fixture(scope="module")
def csv(model: scorer.Scorer, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """100 stand-in rows."""
    directory = tmp_path_factory.mktemp("rows")
    stand_in(400, 13, directory, model)
    return directory / "test.csv"


def test_the_rows_are_repeated_in_every_kind_of_table(csv: Path, model: scorer.Scorer) -> None:
    tables = library.make_tables(model, csv, 250, 30)
    assert tables.keys() == library.WORDS.keys()
    assert [len(one.x) for one in tables.values()] == [one.rows for one in tables.values()] == [250] * 5 + [30]
    assert str(tables["arrow"].x["x31"].type).startswith("dictionary")
    assert [str(tables[name].x["x12"].type) for name in ("arrow", "arrow, money")] == ["double", "large_string"]
    assert str(tables["polars"].x["x31"].dtype) == "Categorical"
    library.check(model, tables)


def test_tables_that_differ_are_not_timed(csv: Path, model: scorer.Scorer) -> None:
    tables = library.make_tables(model, csv, 50, 30)
    other = library.make_tables(model, csv, 51, 31)["arrow"].x[1:]
    with pytest.raises(SystemExit, match="arrow: phat differs"):
        library.check(model, tables | {"arrow": library.Table(50, other)})


def test_every_table_is_timed(csv: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(library, "ROWS", 300)
    monkeypatch.setattr(library, "DICTS", 20)
    monkeypatch.setattr(library, "ROUNDS", 2)
    monkeypatch.setattr(sys, "argv", ["library", str(csv)])
    library.main()
    results = json.loads(capsys.readouterr().out)
    assert [one["rows"] for one in results.values()] == [300] * 5 + [20]
    assert all(len(one[clock]) == 2 and min(one[clock]) > 0 for one in results.values() for clock in ("cpu", "wall"))


def test_speeds_are_of_the_least_times() -> None:
    results = {name: {"rows": 1_000_000, "cpu": [0.5, 0.25], "wall": [1.0, 0.8]} for name in library.WORDS}
    first, *_ = library.bounds(results)
    assert (first.value, first.wall, first.met()) == (4e6, 1.25e6, True)
    assert library.table(results).splitlines()[-1] == "| list of dicts | 1,000,000 | 4.00 | 1.25 |"
