"""Keeps the last good model on disk, for a start without its store. The cache is a store too, and verified like one."""

from __future__ import annotations

import hashlib
from pathlib import Path

from scorer.store.sources import Loaded, Verifier, Versions, load_from, put
from scorer.store.storage import Directory


class LastGood:
    """The last good model of a source, in a directory that servers with other sources may share."""

    def __init__(self, directory: Path, source: str, version: str = "", verifier: Verifier | None = None) -> None:
        """Opens the cache of a source and a pinned version; every such pair has a directory of its own.

        Args:
            directory: SCORER_CACHE_DIR.
            source: name of the source.
            version: the pinned version; empty for none.
            verifier: verifies signatures; None if files need not be signed.
        """
        own = hashlib.sha256(f"{source}\n{version}".encode()).hexdigest()[:16]
        self._storage = Directory(directory / own)
        self._versions = Versions(self._storage, version, verifier)
        self.name = self._storage.name

    def save(self, loaded: Loaded) -> None:
        """Writes a model.

        Raises:
            StoreError: the directory cannot be written to.
        """
        put(self._storage, loaded)

    def load(self) -> Loaded:
        """Reads and verifies the model.

        Raises:
            MissingFileError: the cache is empty.
            CoefficientFileError: the model cannot be read, or fails a check.
        """
        return load_from(self._versions)
