"""The minimal apps that the scorer is compared with."""

from __future__ import annotations

import json

import numpy
import pytest

from bench import contenders
from bench.measure import Bodies
from bench.peers.check import MODEL
from bench.peers.running import running
from tests.support.servers import Client, Server, answers


def test_the_floor_answers_as_many_bytes_as_the_scorer(server: Server, bodies: Bodies) -> None:
    with running(contenders.FLOOR, MODEL, contenders.OWN, poll_seconds=0.01) as floor, server.client() as client:
        fixed = Client(floor.port)
        for rows in (0, 1, 100):
            body = bodies.of(rows).read_bytes()
            scored, answer = client.predict(body), fixed.predict(body)
            assert (scored.status, answer.status) == (200, 200)
            assert len(answer.body) == pytest.approx(len(scored.body), rel=0.1)
            assert answer.headers["content-type"] == scored.headers["content-type"]
        fixed.close()


def test_the_bare_app_answers_a_probe() -> None:
    with running(contenders.BARE, MODEL, contenders.OWN, poll_seconds=0.01) as bare:
        client = Client(bare.port)
        answer = client.send("GET", "/readyz")
        client.close()
        assert json.loads(answer.body) == {"status": "ready", "numpy": numpy.__version__}
        assert not answers(bare.port, "/predict")
