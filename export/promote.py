"""Versions into a store and out of use again: promote, rollback, sign."""

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
"""Seconds that the store may take for one answer."""


class Store:
    """A store that versions are promoted to."""

    def __init__(self, address: str) -> None:
        """Opens a store: a directory, or a URL (s3, gs, az; http can be read alone).

        Raises:
            StoreError: no such kind of store, or a package is missing that it needs.
        """
        self._storage = open_storage(address, TIMEOUT)
        self.name = self._storage.name

    def pointer(self) -> Pointer | None:
        """What the store serves now; None for nothing yet.

        Raises:
            CoefficientFileError: the pointer cannot be read.
        """
        try:
            found = self._storage.read(POINTER)
        except MissingFileError:
            return None
        assert found is not None, "no etag was given"
        return parse(found.data, self._storage.where(POINTER))

    def scorer(self) -> Scorer | None:
        """The version that the store serves now, certified; None for nothing yet."""
        return load_from(Versions(self._storage)).scorer if self.pointer() else None

    def movement(self, new: Loaded, rows: Path) -> compare.Movement | None:
        """How far scores of a file of rows would move; None where the store serves nothing yet.

        Raises:
            TableError: the rows cannot be read or scored.
        """
        current = self.scorer()
        return compare.movement(current, new.scorer, rows) if current else None

    def promote(self, loaded: Loaded) -> Pointer | None:
        """Uploads a version and makes it the current one: the file first, the pointer last.

        Args:
            loaded: as `candidate` gives it.

        Returns:
            What was current before; None for nothing.

        Raises:
            VersionExistsError: the store holds that version with other bytes.
            StoreError: it cannot be written to.
            CoefficientFileError: what lies in the store afterwards is not what was promoted.
        """
        before, new = self.pointer(), loaded.pointer
        if not self._lacks(new.key, loaded.data):
            raise VersionExistsError(f"{self._storage.where(new.key)} exists with other bytes: a version is immutable")
        same = before is not None and before.sha256 == new.sha256
        put(self._storage, loaded, before.previous if same and before else before)
        load_from(Versions(self._storage))
        return before

    def rollback(self, version: str = "") -> tuple[Pointer, Pointer]:
        """Points back.

        Args:
            version: to which, VERSION or MODEL/VERSION; empty for the one before the current one.

        Returns:
            What was current before, and what is now.

        Raises:
            NoPreviousError: the pointer does not say what came before.
            CoefficientFileError: the version is not there, or is not what it should be: the pointer stays.
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
            found = self._storage.read(key)
        except MissingFileError:
            return True
        return found is not None and found.data == data


def candidate(directory: Path, model: str, version: str) -> Loaded:
    """A version on this machine, certified, with its signature if there is one.

    Raises:
        CoefficientFileError: it is not there, not valid, or its certificate is not reproduced.
    """
    storage: Storage = Directory(directory)
    key = version_key(model, version)
    loaded = load_from(Versions(storage, f"{model}/{version}"))
    signature = directory / (key + SIGNATURE)
    return loaded._replace(signature=signature.read_bytes() if signature.exists() else None)


def sign(path: Path, key: Path) -> Path:
    """Signs a coefficient file, after checking it.

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
