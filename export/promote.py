"""Puts versions into a store, rolls back to earlier ones, and signs files."""

from __future__ import annotations

from pathlib import Path

from export import compare
from export.errors import NoPreviousError, VersionExistsError
from scorer import reading
from scorer.errors import MissingFileError
from scorer.files import atomic_write
from scorer.scorer import Scorer
from scorer.store.opening import open_storage
from scorer.store.pointer import POINTER, SIGNATURE, Pointer, parse, version_key
from scorer.store.signing import PrivateKey
from scorer.store.sources import Loaded, OneFile, Versions, load_from, point, put
from scorer.store.storage import Directory, Storage

TIMEOUT = 30.0
"""Time limit for an answer of the store, in seconds."""


class Store:
    """A store that versions are promoted to."""

    def __init__(self, address: str) -> None:
        """Opens a store: a directory, or a URL (s3, gs, az, or http, which can only be read).

        Raises:
            StoreError: the scheme is unknown, or the package that it needs is not installed.
        """
        self._storage = open_storage(address, TIMEOUT)
        self.name = self._storage.name

    def pointer(self) -> Pointer | None:
        """The pointer to the current version; None before the first version is promoted.

        Raises:
            CoefficientFileError: the pointer cannot be read.
        """
        try:
            blob = self._storage.read(POINTER)
        except MissingFileError:
            return None
        assert blob is not None, "no etag was given"
        return parse(blob.data, self._storage.where(POINTER))

    def scorer(self) -> Scorer | None:
        """A scorer of the current version, certified; None before the first version is promoted."""
        return load_from(Versions(self._storage)).scorer if self.pointer() else None

    def movement(self, new: Loaded, rows: Path) -> compare.Movement | None:
        """How far scores of a file of rows would move; None if there is no current version yet.

        Raises:
            TableError: the rows cannot be read or scored.
        """
        current = self.scorer()
        return compare.movement(current, new.scorer, rows) if current else None

    def promote(self, loaded: Loaded) -> Pointer | None:
        """Uploads a version, and then makes it the current one.

        Args:
            loaded: the version, from `candidate`.

        Returns:
            The version that was current before; None if there was none.

        Raises:
            VersionExistsError: the store holds the version with other bytes.
            StoreError: the store cannot be written to.
            CoefficientFileError: the store's current version, read back, is not the one that was uploaded.
        """
        before, new = self.pointer(), loaded.pointer
        if not self._lacks(new.key, loaded.data):
            raise VersionExistsError(f"{self._storage.where(new.key)} exists with other bytes: a version is immutable")
        same = before is not None and before.sha256 == new.sha256
        put(self._storage, loaded, before.previous if same and before else before)
        load_from(Versions(self._storage))
        return before

    def rollback(self, version: str = "") -> tuple[Pointer, Pointer]:
        """Makes an earlier version the current one again.

        Args:
            version: VERSION or MODEL/VERSION; empty for the version before the current one.

        Returns:
            The version that was current before, and the one that is now.

        Raises:
            NoPreviousError: the pointer does not name a previous version.
            CoefficientFileError: the version cannot be read, or fails a check; the pointer is unchanged.
        """
        before = self.pointer()
        if before is None:
            raise NoPreviousError(f"{self.name} has no pointer, so there is nothing to roll back")
        if not version and before.previous is None:
            raise NoPreviousError(f"{self.name} does not say what came before {before}: name the version with --to")
        target = version or str(before.previous).replace(" ", "/")
        now = load_from(Versions(self._storage, target)).pointer
        point(self._storage, now, before)
        return before, now

    def _lacks(self, key: str, data: bytes) -> bool:
        try:
            blob = self._storage.read(key)
        except MissingFileError:
            return True
        return blob is not None and blob.data == data


def candidate(directory: Path, model: str, version: str) -> Loaded:
    """Loads a version from a directory, with its signature if there is one.

    Raises:
        CoefficientFileError: the file cannot be read, is not valid, or its certificate is not reproduced.
    """
    storage: Storage = Directory(directory)
    key = version_key(model, version)
    loaded = load_from(Versions(storage, f"{model}/{version}"))
    signature = directory / (key + SIGNATURE)
    return loaded._replace(signature=signature.read_bytes() if signature.exists() else None)


def sign(path: Path, key: Path) -> Path:
    """Checks a coefficient file, and signs it.

    Returns:
        The path of the signature, beside the file.

    Raises:
        StoreError: the key cannot be used.
        CoefficientFileError: the file is not valid, or its certificate is not reproduced.
    """
    private = PrivateKey(key)
    load_from(OneFile(Directory(path.parent), path.name))
    signature = path.with_name(path.name + SIGNATURE)
    with atomic_write(signature) as file:
        file.write(private.sign(reading.read_bytes(path)))
    return signature
