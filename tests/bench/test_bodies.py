"""Batches of texts."""

from __future__ import annotations

from pathlib import Path

import pytest

import scorer
from bench import bodies
from bench.rows import Row, stand_in


@pytest.fixture(scope="module")
def both(model: scorer.Scorer, tmp_path_factory: pytest.TempPathFactory) -> tuple[list[Row], list[Row]]:
    """100 stand-in rows with JSON numbers, and as texts."""
    directory = tmp_path_factory.mktemp("rows")
    _, numbers = stand_in(400, 13, directory, model)
    return numbers, bodies.read(directory / "test.csv")


def test_texts_are_the_cells_of_the_csv_file(both: tuple[list[Row], list[Row]]) -> None:
    numbers, cells = both
    assert {type(cell) for row in cells for cell in row.values()} == {str}
    assert [{name: float(row[name]) for name in ("x0", "x99") if row[name]} for row in cells] == [
        {name: row[name] for name in ("x0", "x99") if row[name] is not None} for row in numbers
    ]


def test_all_three_are_the_same_rows(both: tuple[list[Row], list[Row]], model: scorer.Scorer) -> None:
    numbers, cells = both
    phat = model.score(numbers).phat.tolist()
    assert model.score(cells).phat.tolist() == phat
    assert model.score(bodies.mix(numbers, cells, 0.3, 1)).phat.tolist() == phat


@pytest.mark.parametrize("share", [0.0, 0.3, 1.0])
def test_that_share_of_the_numbers_is_mixed_in(both: tuple[list[Row], list[Row]], share: float) -> None:
    numbers, cells = both
    mixed = bodies.mix(numbers, cells, share, 1)
    pairs = [(row[name], now[name]) for row, now in zip(numbers, mixed, strict=True) for name in row]
    kinds = [isinstance(now, str) for cell, now in pairs if isinstance(cell, float)]
    assert len(kinds) > 9_000
    assert sum(kinds) / len(kinds) == pytest.approx(share, abs=0.02)
    assert all(now is cell for cell, now in pairs if not isinstance(cell, float))


@pytest.mark.usefixtures("unmeasured")
def test_every_body_is_timed(
    both: tuple[list[Row], list[Row]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bodies, "POSTS", 20)
    results = bodies.measure(*both, tmp_path, 1)
    sizes = [results["bodies"][name]["bytes"] for name in ("numbers", "mixed", "texts")]
    assert sizes == sorted(sizes)
    for body in results["bodies"].values():
        for who in ("server", "orjson"):
            assert all(len(taken) == 1 and taken[0] > 0 for taken in body[who].values())


def test_the_table_compares_the_least_times() -> None:
    def body(size: int, wall: list[float], cpu: list[float]) -> dict[str, object]:
        return {"bytes": size, "server": {"wall": wall, "cpu": cpu}, "orjson": {"wall": [0.2], "cpu": [0.1, 0.2]}}

    sent = {
        "numbers": body(17_190_000, [0.09, 0.08], [0.05, 0.06]),
        "mixed": body(17_700_000, [0.08], [0.05]),
        "texts": body(19_000_000, [0.12, 0.5], [0.1, 0.07]),
    }
    results = {"rows": 10_000, "rounds": 2, "bodies": sent}
    assert [bound.value for bound in bodies.bounds(results)] == pytest.approx([0.5, 0.5, 0.7])
    lines = bodies.table(results).splitlines()
    assert lines[0].startswith("| numbers, in a POST of 10,000 rows |")
    assert lines[2] == "| as JSON numbers | 17.2 | 80 | 50 | 1.00, 1.00 | 0.40, 0.50 |"
    assert lines[4] == "| all as texts | 19.0 | 120 | 70 | 1.50, 1.40 | 0.60, 0.70 |"
