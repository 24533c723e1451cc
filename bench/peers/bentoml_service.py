"""Peer d: a BentoML service. A root input (its one parameter is positional-only) takes the whole body.

The API is async, which saves each request a thread, and metrics are off, since no other peer has any. BentoML runs a
supervisor besides the one worker that answers.
"""

import os
from typing import Any

import bentoml

from bench.peers import arithmetic


@bentoml.service(
    workers=1,
    http={"host": "127.0.0.1", "port": int(os.environ["PEER_PORT"])},
    logging={"access": {"enabled": False}},
    metrics={"enabled": False},
)
class Predictor:
    def __init__(self) -> None:
        self.model = arithmetic.load()

    @bentoml.api
    async def predict(self, body: dict[str, Any] | list[dict[str, Any]], /) -> list[dict[str, int | float]]:
        return self.model.score_rows(body if isinstance(body, list) else [body])
