"""The model that is served right now. A refresher replaces it while requests are answered."""

from __future__ import annotations

from scorer.describe import model_document
from scorer.errors import NotReadyError
from scorer.scorer import Scorer
from scorer.service.codec.rows import RowCodec
from scorer.service.shadow import Shadow


class ServedModel:
    """A scorer with all that is made of it once.

    Attributes:
        scorer: the scorer.
        codec: answers its rows.
        headers: of each answer that it gives; they name it.
        model_document: for GET /model.
    """

    def __init__(self, scorer: Scorer) -> None:
        self.scorer = scorer
        self.codec = RowCodec(scorer)
        file = scorer.file
        self.headers = [
            (b"content-type", b"application/json"),
            (b"cache-control", b"no-store"),
            (b"x-model-name", file.model.encode()),
            (b"x-model-version", file.version.encode()),
            (b"x-model-sha256", file.sha256.encode()),
        ]
        self.model_document = model_document(scorer)


class Holder:
    """Holds the served model. Setting `served` is the whole swap: a request takes it once, at its beginning.

    Attributes:
        served: answers; None while no certified model is loaded.
        shadow: compares another version with it; None for none.
        draining: whether the server is about to stop: it still answers, and is not ready any more.
    """

    def __init__(self, scorer: Scorer | None = None) -> None:
        self.served = None if scorer is None else ServedModel(scorer)
        self.shadow: Shadow | None = None
        self.draining = False

    def require(self) -> ServedModel:
        """The served model. Raises NotReadyError before the first one is loaded."""
        if self.served is None:
            raise NotReadyError
        return self.served
