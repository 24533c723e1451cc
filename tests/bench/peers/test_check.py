"""The check that comes before any timing finds every kind of wrong answer."""

from __future__ import annotations

import copy
import functools
import json
import math
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler
from typing import Any

import pytest

import scorer
from bench import contenders
from bench.peers import check
from bench.peers.catalog import Peer
from bench.peers.running import running
from tests.support.between import between
from tests.support.servers import Server

ROW: dict[str, Any] = {"business_outcome": 1, "phat": 0.75, "x1": 2.5, "x2_a": 0}


def first(**changed: Any) -> Callable[[list[Any]], Any]:
    return lambda rows: [rows[0] | changed, *rows[1:]]


def test_the_largest_differences_are_told() -> None:
    answer = [ROW | {"phat": 0.75 + 1e-13}, ROW | {"x1": 2.5 - 1e-10}]
    phat, variable = check.compare(answer, [ROW, ROW], "two", "phat")
    assert phat == pytest.approx(1e-13, rel=1e-3)
    assert variable == pytest.approx(1e-10, rel=1e-3)
    assert check.compare([ROW], [ROW], "one", "phat") == (0.0, 0.0)


@pytest.mark.parametrize(
    ("spoil", "words"),
    [
        (lambda rows: rows[:1], "two: not an array of 2"),
        (lambda rows: {"predictions": rows}, "two: not an array of 2"),
        (lambda rows: [[], rows[1]], "row 0: not an object"),
        (lambda rows: [rows[0], dict(sorted(rows[1].items(), reverse=True))], "row 1: not an object with the scorer's"),
        (lambda rows: [{**rows[0], "more": 1}, rows[1]], "row 0: not an object"),
        (first(business_outcome=0), "row 0: business_outcome is 0 and should be 1"),
        (first(business_outcome=True), "row 0: business_outcome is True and should be 1"),
        (first(business_outcome=1.0), "row 0: business_outcome is 1.0 and should be 1"),
        (first(phat=0.75 + 2e-12), "row 0: phat is 0.7500"),
        (first(phat=math.nan), "row 0: phat is nan"),
        (first(x1=2.5 + 2e-9), "row 0: x1 is 2.5"),
        (first(x1=None), "row 0: x1 is None"),
        (first(x2_a=1), "row 0: x2_a is 1 and should be 0"),
    ],
)
def test_wrong_answers_are_named(spoil: Callable[[list[Any]], Any], words: str) -> None:
    with pytest.raises(check.DifferenceError) as caught:
        check.compare(spoil(copy.deepcopy([ROW, ROW])), [ROW, ROW], "two", "phat")
    assert words in str(caught.value)


def test_the_bodies_hold_texts_numbers_single_rows_and_golden_rows(model: scorer.Scorer) -> None:
    bodies = check.make_bodies(model)
    assert [len(body) for body in bodies.values() if isinstance(body, list)] == [
        check.ROWS,
        check.ROWS,
        2 * check.ROWS,
        len(model.file.certificate.rows),
    ]
    assert sum(isinstance(body, dict) for body in bodies.values()) == 3
    assert set(bodies["one object with all missing"].values()) == {None}  # type: ignore[union-attr]


def test_a_scorer_passes_and_its_spoilt_answers_do_not(server: Server, model: scorer.Scorer) -> None:
    bodies = {"some": check.make_bodies(model)["both mixed"]}
    assert check.check_port(server.port, model, bodies) == (0.0, 0.0)

    def spoil(_handler: BaseHTTPRequestHandler, body: bytes) -> bytes:
        rows = json.loads(body)
        rows[123]["phat"] += 1e-9
        return json.dumps(rows).encode()

    with between(server, spoil) as url:
        port = int(url.removesuffix("/models").rpartition(":")[2])
        with pytest.raises(check.DifferenceError, match="some: row 123: phat is "):
            check.check_port(port, model, bodies)


def test_an_error_is_no_answer(server: Server) -> None:
    with pytest.raises(check.DifferenceError, match="status 422: "):
        check.ask(server.port, {"x999": 1})


def test_a_line_for_each_peer(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, unmeasured: None
) -> None:
    del unmeasured
    ended = Peer("z", "none", ("-c", "raise SystemExit('no such peer')"))
    monkeypatch.setattr(check, "PEERS", (contenders.SCORER, contenders.FLOOR, ended))
    monkeypatch.setattr(check, "running", functools.partial(running, python=contenders.OWN))
    assert check.main() == 1
    own, floor, none = capsys.readouterr().out.split("\n", 2)
    assert own.startswith("scorer  this scorer: ok, GET /readyz is 200; 200 rows as texts, ")
    assert own.endswith("outcomes and keys equal, largest |Δphat| 0.0e+00, |Δvariable| 0.0e+00")
    assert floor.startswith("floor  bare ASGI app, fixed answer: FAILED: not JSON: b'xxx")
    assert none.startswith("z  none: FAILED: peer z (none) ended:\nno such peer\n")
    monkeypatch.setattr(check, "PEERS", (contenders.SCORER,))
    assert check.main() == 0
