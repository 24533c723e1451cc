"""What is served right now. The app asks for it once for each request; a refresher sets it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import orjson

from scorer.errors import NotReadyError
from scorer.scorer import Scorer
from scorer.service import openapi
from scorer.service.codec.rows import RowCodec
from scorer.service.shadow import Shadow


class ServedModel:
    """A scorer with all that is made of it once: what answers rows, the headers that name it, and its documents."""

    def __init__(self, scorer: Scorer) -> None:
        self.scorer = scorer
        self.codec = RowCodec(scorer)
        file = scorer.file
        self.headers = [
            (b"content-type", b"application/json"),
            (b"x-model-name", file.model.encode()),
            (b"x-model-version", file.version.encode()),
            (b"x-model-sha256", file.sha256.encode()),
        ]
        self.model_document = openapi.model(scorer)
        self.openapi_document = orjson.dumps(openapi.openapi(scorer))


class Holder:
    """Holds what is served, or None while no certified model is loaded. Setting `served` is the whole swap.

    Attributes:
        served: what answers.
        shadow: what is tried out beside it; None for nothing.
        serving: gives how it stands with the store, for GET /model; empty where there is none.
        history: gives the versions that were served, for GET /model/history.
        gauges: gives what metrics tell of the model and its store, by name and labels.
        draining: whether the server is about to stop: not ready any more, while it still answers.
    """

    def __init__(self, scorer: Scorer | None = None) -> None:
        self.served = None if scorer is None else ServedModel(scorer)
        self.shadow: Shadow | None = None
        self.serving: Callable[[], dict[str, Any]] = dict
        self.history: Callable[[], list[Any]] = list
        self.gauges: Callable[[], dict[tuple[str, ...], float]] = dict
        self.draining = False

    def require(self) -> ServedModel:
        """What is served.

        Raises:
            NotReadyError: nothing yet.
        """
        if self.served is None:
            raise NotReadyError
        return self.served
