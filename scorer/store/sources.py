"""Where a server's model comes from, and how it is found and verified: pointer → file → hash → signature → certificate.

A source is looked at again and again. A look costs one conditional request where nothing has changed.
"""

from __future__ import annotations

import hashlib
from typing import NamedTuple, Protocol

from scorer import reading
from scorer.errors import MissingFileError, SignatureError, WrongHashError
from scorer.scorer import Scorer
from scorer.store.pointer import POINTER, SIGNATURE, Pointer, parse, version_key
from scorer.store.storage import Blob, Storage


class Verifier(Protocol):
    """Checks signatures: signing.PublicKey."""

    def check(self, data: bytes, signature: bytes, where: str) -> None:
        """Raises SignatureError."""


class Loaded(NamedTuple):
    """A coefficient file that has passed every check.

    Attributes:
        scorer: ready to score.
        data: the file's bytes.
        signature: what lies beside it; None where no key asks for one.
    """

    scorer: Scorer
    data: bytes
    signature: bytes | None

    @property
    def pointer(self) -> Pointer:
        """Names it."""
        file = self.scorer.file
        return Pointer(file.model, file.version, file.sha256)


class PollResult(NamedTuple):
    """What a look at a source gave.

    Attributes:
        etag: for the next look.
        loaded: the model to serve now; None where it is the one that is served.
    """

    etag: str | None
    loaded: Loaded | None


class Source(Protocol):
    """Where a server's model comes from.

    Attributes:
        name: what to call it.
        local: whether looking takes no time to speak of.
    """

    name: str
    local: bool

    def poll(self, etag: str | None = None, sha256: str | None = None) -> PollResult:
        """Looks whether there is another model than the one that is served.

        Args:
            etag: of the last look that went well.
            sha256: of the coefficient file that is served.

        Raises:
            CoefficientFileError: there is, and it cannot be read, or is not what it should be.
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
        """As Source."""
        found = self._storage.read(self._key, etag)
        if found is None:
            return PollResult(etag, None)
        if sha256 == _hash(found):
            return PollResult(found.etag, None)
        return PollResult(found.etag, _certify(self._storage, self._key, found, self._verifier))


class Versions:
    """A store: the version that its pointer names, or one that is pinned."""

    def __init__(self, storage: Storage, version: str = "", verifier: Verifier | None = None) -> None:
        """Names a store.

        Args:
            place: where it is.
            version: the pinned one; empty for the pointer's. MODEL/VERSION, or VERSION of the pointer's model.
            verifier: of the signatures; None where none are asked for.
        """
        self._storage = storage
        self._model, _, self._version = version.rpartition("/")
        self._verifier = verifier
        self.name = storage.name
        self.local = storage.local

    def poll(self, etag: str | None = None, sha256: str | None = None) -> PollResult:
        """As Source."""
        return self._pinned(etag, sha256) if self._version else self._current(etag, sha256)

    def _current(self, etag: str | None, sha256: str | None) -> PollResult:
        found = self._storage.read(POINTER, etag)
        if found is None:
            return PollResult(etag, None)
        pointer = parse(found.data, self._storage.where(POINTER))
        if pointer.sha256 == sha256:
            return PollResult(found.etag, None)
        file = _read(self._storage, pointer.key)
        if _hash(file) != pointer.sha256:
            reason = f"its SHA-256 is {_hash(file)}, and {POINTER} promises {pointer.sha256}"
            raise WrongHashError(self._storage.where(pointer.key), "$", reason)
        return PollResult(found.etag, self._certified(pointer.key, file, pointer.model, pointer.version))

    def _pinned(self, etag: str | None, sha256: str | None) -> PollResult:
        if not self._model:
            self._model = parse(_read(self._storage, POINTER).data, self._storage.where(POINTER)).model
        key = version_key(self._model, self._version)
        found = self._storage.read(key, etag)
        if found is None:
            return PollResult(etag, None)
        if _hash(found) == sha256:
            return PollResult(found.etag, None)
        return PollResult(found.etag, self._certified(key, found, self._model, self._version))

    def _certified(self, key: str, found: Blob, model: str, version: str) -> Loaded:
        loaded = _certify(self._storage, key, found, self._verifier)
        file = loaded.scorer.file
        if (file.model, file.version) != (model, version):
            reason = f"it is {file.model} {file.version}, in the place of {model} {version}"
            raise WrongHashError(self._storage.where(key), "$", reason)
        return loaded


def load_from(source: Source) -> Loaded:
    """What a first look at a source gives.

    Raises:
        CoefficientFileError: as `look`.
    """
    loaded = source.poll().loaded
    assert loaded is not None, "a first look loads"
    return loaded


def put(storage: Storage, loaded: Loaded, previous: Pointer | None = None) -> None:
    """Writes a version and points at it: the pointer last, so that whoever follows it finds everything.

    Raises:
        StoreError: the place cannot be written to.
    """
    pointer = loaded.pointer
    storage.write(pointer.key, loaded.data)
    if loaded.signature is not None:
        storage.write(pointer.key + SIGNATURE, loaded.signature)
    point(storage, pointer, previous)


def point(storage: Storage, pointer: Pointer, previous: Pointer | None = None) -> None:
    """Writes the pointer.

    Raises:
        StoreError: the place cannot be written to.
    """
    storage.write(POINTER, Pointer(pointer.model, pointer.version, pointer.sha256, previous).to_bytes())


def _certify(storage: Storage, key: str, found: Blob, verifier: Verifier | None) -> Loaded:
    """Signature, format and certificate; the signature first, so that nothing else looks at bytes of strangers."""
    where = storage.where(key)
    signature = None
    if verifier:
        try:
            signature = _read(storage, key + SIGNATURE).data
        except MissingFileError:
            raise SignatureError(where, "$", f"it is not signed: there is no {key}{SIGNATURE}") from None
        verifier.check(found.data, signature, where)
    return Loaded(Scorer(reading.parse(found.data, where), where), found.data, signature)


def _read(storage: Storage, key: str) -> Blob:
    found = storage.read(key)
    assert found is not None, "no etag was given"
    return found


def _hash(found: Blob) -> str:
    return hashlib.sha256(found.data).hexdigest()
