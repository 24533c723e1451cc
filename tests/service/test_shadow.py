"""A second version beside the first: it never answers, and what it would have said is reported."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

import scorer
from scorer import reading
from tests.support.bodies import ARROW, NDJSON, Rows, arrow, columns, csv_of, ndjson
from tests.support.servers import Client, running, wait_until
from tests.support.standin import StandIn
from tests.support.stores import Store

ALL = {"SCORER_SHADOW_VERSION": "1.1.0", "SCORER_SHADOW_SHARE": "1", "SCORER_REFRESH_SECONDS": "0.02"}


def report(client: Client) -> dict[str, Any]:
    document: dict[str, Any] = client.send("GET", "/model").json()["serving"]["shadow"]
    return document


def test_how_far_a_second_version_differs(store: Store, stand_in: StandIn, row: dict[str, Any]) -> None:
    first, second = store.scorers["1.0.0"], store.scorers["1.1.0"]
    bodies: list[Any] = [row, stand_in.rows[:5], stand_in.rows[:1_500]]
    with running("--model", str(store.path), environment=ALL) as server, server.client() as client:
        for body in bodies:
            answer = client.predict(body)
            assert answer.headers["x-model-version"] == "1.0.0"
            assert answer.json() == first.score(body).to_rows()
        assert client.predict([{"x12": []}]).status == 422
        seen = wait_until(lambda: (found := report(client))["requests"] == len(bodies) and found, "the comparisons")
    before, after = ([scorer.score(body) for body in bodies] for scorer in (first, second))
    moved = np.concatenate([np.abs(one.phat - two.phat) for one, two in zip(before, after, strict=True)])
    flipped = sum(np.count_nonzero(one.outcome != two.outcome) for one, two in zip(before, after, strict=True))
    assert (seen["version"], seen["sha256"]) == ("1.1.0", second.file.sha256)
    assert (seen["rows"], seen["requests_failed"], seen["outcomes_flipped"]) == (len(moved), 0, flipped)
    assert flipped > 0
    assert seen["largest_difference"] == moved.max()
    assert seen["mean_difference"] == pytest.approx(moved.mean(), rel=1e-12)
    assert seen["failing"] is None


def test_a_share_of_the_requests(store: Store) -> None:
    environment = {**ALL, "SCORER_SHADOW_SHARE": "0.25"}
    with running("--model", str(store.path), environment=environment) as server, server.client() as client:
        for _ in range(800):
            client.predict({"x5": "monday"})
        assert 100 < report(client)["requests"] < 300  # 200 are expected, with a standard deviation of 12


def test_a_second_version_that_cannot_score_what_the_first_can(store: Store, small: dict[str, Any]) -> None:
    """It reads other inputs, so a row has none of them: that is counted, and the answer is the first one's."""
    path = store.path / "small" / "0.1.0.json"
    path.parent.mkdir()
    path.write_text(json.dumps(small))
    environment = {**ALL, "SCORER_SHADOW_VERSION": "small/0.1.0"}
    with running("--model", str(store.path), environment=environment) as server, server.client() as client:
        assert client.predict({"x5": "monday"}).status == 200
        seen = wait_until(lambda: (found := report(client))["requests"] and found, "the comparison")
        assert (seen["requests_failed"], seen["rows"], seen["mean_difference"]) == (1, 0, 0.0)


def test_a_second_version_that_is_not_there_yet(store: Store) -> None:
    path = store.path_of("1.1.0")
    aside = path.rename(path.with_suffix(".aside"))
    with running("--model", str(store.path), environment=ALL) as server, server.client() as client:
        assert client.predict({"x5": "monday"}).status == 200
        seen = report(client)
        assert list(seen) == ["failing"]
        assert "1.1.0.json: no such file" in seen["failing"]
        aside.rename(path)
        wait_until(lambda: report(client).get("version") == "1.1.0", "the second version")


def test_every_format_is_compared(store: Store, small: dict[str, Any]) -> None:
    """Of columns those are kept that the second version uses, also where the first does not."""
    path = store.path / "small" / "0.1.0.json"
    path.parent.mkdir()
    path.write_text(json.dumps(small))
    rows: Rows = [
        {"x5": "monday", "the rate": "41.5%", "colour": "blue"},
        {"x5": "friday", "the rate": "7", "colour": ""},
    ]
    bodies = {
        "text/csv": csv_of(rows),
        NDJSON: ndjson(rows),
        ARROW: arrow(pa.Table.from_pylist(rows)),
        "application/json": json.dumps(columns(rows)).encode(),
    }
    environment = {**ALL, "SCORER_SHADOW_VERSION": "small/0.1.0"}
    first = store.scorers["1.0.0"].score(rows)
    second = scorer.Scorer(reading.parse(json.dumps(small).encode())).score(rows)
    with running("--model", str(store.path), environment=environment) as server, server.client() as client:
        for kind, body in bodies.items():
            assert client.send("POST", "/predict", body, {"content-type": kind}).status == 200
        seen = wait_until(lambda: (found := report(client))["requests"] == len(bodies) and found, "the comparisons")
    assert (seen["rows"], seen["requests_failed"]) == (len(bodies) * len(rows), 0)
    assert seen["largest_difference"] == np.abs(first.phat - second.phat).max()
