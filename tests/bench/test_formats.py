"""POSTs in each format."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import orjson
import pyarrow as pa
import pytest

import scorer
from bench import formats
from bench.rows import Row, stand_in
from bench.timing import send
from tests.support.servers import Server

FEW = 100


@pytest.fixture(scope="module")
def both(model: scorer.Scorer, tmp_path_factory: pytest.TempPathFactory) -> tuple[list[Row], Path]:
    """Stand-in rows with JSON numbers, and the CSV file of them."""
    directory = tmp_path_factory.mktemp("rows")
    _, numbers = stand_in(4 * FEW, 13, directory, model)
    return numbers, directory / "test.csv"


def test_all_bodies_are_the_same_rows(both: tuple[list[Row], Path], model: scorer.Scorer, server: Server) -> None:
    expected = model.score(both[0]).phat
    bodies = formats.make_bodies(*both)
    assert bodies.keys() == formats.WORDS.keys()
    for kind, body in bodies.values():
        answer = orjson.loads(send(server.port, body, 1, ["accept: application/json"], kind))
        found = answer["phat"] if isinstance(answer, dict) else [row["phat"] for row in answer]
        assert found == expected.tolist()


def test_an_answer_has_the_format_of_its_request(both: tuple[list[Row], Path], server: Server) -> None:
    kind, body = formats.make_bodies(*both)["arrow"]
    assert pa.ipc.open_stream(send(server.port, body, 1, content_type=kind)).read_all().num_rows == FEW


@pytest.mark.usefixtures("unmeasured")
def test_every_format_is_timed(both: tuple[list[Row], Path]) -> None:
    results = formats.measure(*both, 1)
    assert (results["rows"], results["rounds"]) == (FEW, 1)
    for body in results["formats"].values():
        assert body["bytes"] > 10_000
        assert len(body["cpu"]) == len(body["wall"]) == 1
        assert np.all(np.array(body["wall"]) > 0)


def test_the_ratios_and_the_table_are_of_the_least_times() -> None:
    def body(cpu: list[float]) -> dict[str, Any]:
        return {"bytes": 17_190_000, "cpu": cpu, "wall": [2 * taken for taken in cpu]}

    taken = dict.fromkeys(formats.WORDS, body([0.08]))
    taken |= {"json texts": body([0.1, 0.2]), "csv": body([0.05, 0.02]), "arrow": body([0.004])}
    results = {"rows": 10_000, "rounds": 2, "formats": taken}
    arrow, csv = formats.bounds(results)
    assert arrow.what == "Arrow POST of 10,000 rows ÷ JSON POST"
    assert arrow.value == pytest.approx(0.05)
    assert csv.value == pytest.approx(0.2)
    assert csv.wall == pytest.approx(0.2)
    lines = formats.table(results).splitlines()
    assert lines[2] == "| JSON, numbers as JSON numbers | 17.2 | 80.0 | 160.0 | 1.00 |"
    assert lines[6] == "| CSV | 17.2 | 20.0 | 40.0 | 0.25 |"
