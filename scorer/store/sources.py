"""Finds and verifies the model to serve: pointer → file → hash → signature → certificate.

A source is polled again and again. A poll costs one conditional read if nothing has changed.
"""

from __future__ import annotations

import hashlib
from dataclasses import replace
from typing import NamedTuple, Protocol

from scorer import reading
from scorer.errors import MissingFileError, SignatureError, WrongHashError
from scorer.scorer import Scorer
from scorer.store.pointer import POINTER, SIGNATURE, Pin, Pointer, parse, parse_pin, version_key
from scorer.store.storage import Blob, Storage


class Verifier(Protocol):
    """Verifies signatures, as signing.PublicKey does."""

    def check(self, data: bytes, signature: bytes, where: str) -> None:
        """Raises SignatureError if the signature does not match."""


class Loaded(NamedTuple):
    """A coefficient file that has passed every check.

    Attributes:
        scorer: a scorer of the model.
        data: the bytes of the file.
        signature: the content of its signature file; None if no signature was asked for.
    """

    scorer: Scorer
    data: bytes
    signature: bytes | None

    @property
    def pointer(self) -> Pointer:
        """A pointer to this file."""
        file = self.scorer.file
        return Pointer(file.model, file.version, file.sha256)


class PollResult(NamedTuple):
    """The result of polling a source.

    Attributes:
        etag: for the next poll.
        loaded: the model to serve now; None if it is the one that is served already.
    """

    etag: str | None
    loaded: Loaded | None


class Source(Protocol):
    """Where the model to serve comes from.

    Attributes:
        name: its name in errors and in GET /model.
        local: whether it is on this machine, so that a poll takes next to no time.
    """

    name: str
    local: bool

    def poll(self, etag: str | None = None, sha256: str | None = None) -> PollResult:
        """Checks for a model other than the one that is served, and verifies it.

        Args:
            etag: of the last poll that succeeded; None for a first poll.
            sha256: of the coefficient file that is served; None if none is.

        Raises:
            CoefficientFileError: the model cannot be read, or fails a check.
        """


class OneFile:
    """A single coefficient file, without a store around it."""

    def __init__(self, storage: Storage, key: str, verifier: Verifier | None = None) -> None:
        self._storage = storage
        self._key = key
        self._verifier = verifier
        self.name = storage.where(key)
        self.local = storage.local

    def poll(self, etag: str | None = None, sha256: str | None = None) -> PollResult:
        """See Source."""
        blob = self._storage.read(self._key, etag)
        if blob is None:
            return PollResult(etag, None)
        if sha256 == _hash(blob):
            return PollResult(blob.etag, None)
        return PollResult(blob.etag, _certify(self._storage, self._key, blob, self._verifier))


class Versions:
    """A store of versions: serves the version that its pointer names, or a pinned one."""

    def __init__(self, storage: Storage, version: str = "", verifier: Verifier | None = None) -> None:
        """Opens a store. Nothing is read yet.

        Args:
            storage: holds the store.
            version: the pinned version, as pointer.parse_pin reads it; empty for the one that the pointer names.
            verifier: verifies signatures; None if files need not be signed.

        Raises:
            ValueError: a version that no store can have.
        """
        self._storage = storage
        self._pin = parse_pin(version) if version else None
        self._verifier = verifier
        self.name = storage.name
        self.local = storage.local

    def poll(self, etag: str | None = None, sha256: str | None = None) -> PollResult:
        """See Source."""
        return self._pinned(self._pin, etag, sha256) if self._pin else self._current(etag, sha256)

    def _current(self, etag: str | None, sha256: str | None) -> PollResult:
        blob = self._storage.read(POINTER, etag)
        if blob is None:
            return PollResult(etag, None)
        pointer = parse(blob.data, self._storage.where(POINTER))
        if pointer.sha256 == sha256:
            return PollResult(blob.etag, None)
        file = _read(self._storage, pointer.key)
        if _hash(file) != pointer.sha256:
            reason = f"its SHA-256 is {_hash(file)}, and {POINTER} promises {pointer.sha256}"
            raise WrongHashError(self._storage.where(pointer.key), "$", reason)
        return PollResult(blob.etag, self._certified(pointer.key, file, pointer.model, pointer.version))

    def _pinned(self, pin: Pin, etag: str | None, sha256: str | None) -> PollResult:
        if not pin.model:
            current = parse(_read(self._storage, POINTER).data, self._storage.where(POINTER))
            pin = self._pin = replace(pin, model=current.model)
        key = version_key(pin.model, pin.version)
        blob = self._storage.read(key, etag)
        if blob is None:
            return PollResult(etag, None)
        found = _hash(blob)
        if pin.sha256 and found != pin.sha256:
            reason = f"its SHA-256 is {found}, and the pinned one is {pin.sha256}"
            raise WrongHashError(self._storage.where(key), "$", reason)
        if found == sha256:
            return PollResult(blob.etag, None)
        return PollResult(blob.etag, self._certified(key, blob, pin.model, pin.version))

    def _certified(self, key: str, blob: Blob, model: str, version: str) -> Loaded:
        loaded = _certify(self._storage, key, blob, self._verifier)
        file = loaded.scorer.file
        if (file.model, file.version) != (model, version):
            reason = f"it is {file.model} {file.version}, where {model} {version} should be"
            raise WrongHashError(self._storage.where(key), "$", reason)
        return loaded


def load_from(source: Source) -> Loaded:
    """Loads the model of a source.

    Raises:
        CoefficientFileError: the model cannot be read, or fails a check.
    """
    loaded = source.poll().loaded
    assert loaded is not None, "a first poll loads"
    return loaded


def put(storage: Storage, loaded: Loaded, previous: Pointer | None = None) -> None:
    """Writes a version and then the pointer to it, so that the pointer never names a file that is not there.

    Args:
        storage: holds the store.
        loaded: the version.
        previous: the version that the pointer named before; None if unknown.

    Raises:
        StoreError: the storage cannot be written to.
    """
    pointer = loaded.pointer
    storage.write(pointer.key, loaded.data)
    if loaded.signature is not None:
        storage.write(pointer.key + SIGNATURE, loaded.signature)
    point(storage, pointer, previous)


def point(storage: Storage, pointer: Pointer, previous: Pointer | None = None) -> None:
    """Writes the pointer to a version that the store holds. Arguments and errors are those of `put`."""
    storage.write(POINTER, Pointer(pointer.model, pointer.version, pointer.sha256, previous).to_bytes())


def _certify(storage: Storage, key: str, blob: Blob, verifier: Verifier | None) -> Loaded:
    """Verifies signature, format and certificate; the signature first, so that no bytes of strangers are parsed."""
    where = storage.where(key)
    signature = None
    if verifier:
        try:
            signature = _read(storage, key + SIGNATURE).data
        except MissingFileError:
            raise SignatureError(where, "$", f"it is not signed: there is no {key}{SIGNATURE}") from None
        verifier.check(blob.data, signature, where)
    return Loaded(Scorer(reading.parse(blob.data, where), where), blob.data, signature)


def _read(storage: Storage, key: str) -> Blob:
    blob = storage.read(key)
    assert blob is not None, "no etag was given"
    return blob


def _hash(blob: Blob) -> str:
    return hashlib.sha256(blob.data).hexdigest()
