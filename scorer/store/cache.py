"""The last good model on disk, for a start without its store. It is a store itself, so it is verified like one."""

from __future__ import annotations

import hashlib
from pathlib import Path

from scorer.store.sources import Loaded, Verifier, Versions, load_from, put
from scorer.store.storage import Directory


class LastGood:
    """What a source gave last, below a directory that servers with other sources may share."""

    def __init__(self, directory: Path, source: str, version: str = "", verifier: Verifier | None = None) -> None:
        """Names the place.

        Args:
            directory: SCORER_CACHE_DIR.
            source: what the source is called; each has a place of its own.
            version: as it is pinned; likewise.
            verifier: of the signatures; None where none are asked for.
        """
        own = hashlib.sha256(f"{source}\n{version}".encode()).hexdigest()[:16]
        self._storage = Directory(directory / own)
        self._versions = Versions(self._storage, verifier=verifier)
        self.name = self._storage.name

    def save(self, loaded: Loaded) -> None:
        """Keeps a model.

        Raises:
            StoreError: the directory cannot be written to.
        """
        put(self._storage, loaded)

    def load(self) -> Loaded:
        """The model that was kept.

        Raises:
            CoefficientFileError: there is none, or it is not what it should be.
        """
        return load_from(self._versions)
