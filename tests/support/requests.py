"""Load for tests: requests one after another, every answer checked, every second one with its envelope."""

from __future__ import annotations

import json
import threading
from collections import Counter, defaultdict
from http.client import HTTPException
from itertools import cycle
from typing import Any

from tests.support.servers import Answer, Server
from tests.support.stores import Store

PAUSE_SECONDS = 0.02
"""Of each connection between two requests: a hundred a second in all, and time left for what happens meanwhile."""


def without_envelope(answer: Answer) -> bytes:
    """The array of predictions, to the byte, if the envelope names the model that the headers name; else nothing."""
    model = {key: answer.headers.get(f"x-model-{key}") for key in ("name", "version", "sha256")}
    opening = b'{"model":%b,"predictions":' % json.dumps(model, separators=(",", ":")).encode()
    enveloped = answer.body.startswith(opening) and answer.body.endswith(b"]}")
    return answer.body[len(opening) : -1] if enveloped else b""


class Requests:
    """Asks over and over from several connections, and checks every answer against the version that it names."""

    def __init__(self, server: Server, store: Store, row: dict[str, Any]) -> None:
        self._server = server
        self._bodies: list[Any] = [row, {**row, "x81": "December"}, [row, {"x5": "monday"}] * 700]
        self._expected = {
            file.sha256: [json.dumps(scorer.score(body).to_rows()) for body in self._bodies]
            for scorer in store.scorers.values()
            for file in [scorer.file]
        }
        self._versions = {scorer.file.sha256: version for version, scorer in store.scorers.items()}
        self._known: defaultdict[tuple[str, int], set[bytes]] = defaultdict(set)
        self._ended = threading.Event()
        self._threads = [threading.Thread(target=self._ask, args=(index,)) for index in (0, 1, 0, 2)]
        self.answered: Counter[str] = Counter()
        self.wrong: list[str] = []

    def __enter__(self) -> Requests:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ended.set()
        for thread in self._threads:
            thread.join()

    def _is_expected(self, body: bytes, sha256: str, index: int) -> bool:
        """Whether a body is the library's answer; the same bytes are parsed once alone."""
        if body in self._known[sha256, index]:
            return True
        if json.dumps(json.loads(body)) != self._expected[sha256][index]:
            return False
        self._known[sha256, index].add(body)
        return True

    def _ask(self, index: int) -> None:
        with self._server.client() as client:
            for path in cycle(("/predict", "/predict?envelope=true")):
                if self._ended.wait(PAUSE_SECONDS):
                    return
                try:
                    answer = client.send("POST", path, self._bodies[index])
                    sha256 = answer.headers.get("x-model-sha256", "")
                    right = answer.status == 200 and answer.headers["x-model-version"] == self._versions[sha256]
                    array = without_envelope(answer) if path.endswith("true") else answer.body
                    if not right or not self._is_expected(array, sha256, index):
                        self.wrong.append(f"{answer.status} {answer.headers} {answer.body[:200]!r}")
                    self.answered[self._versions.get(sha256, "?")] += 1
                except (OSError, HTTPException) as error:
                    self.wrong.append(repr(error))
                    return
