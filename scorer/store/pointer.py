"""The layout of a store: coefficient files at NAME/VERSION.json, and current.json, the pointer to the one in use."""

from __future__ import annotations

import re
from dataclasses import dataclass

from scorer import strict_json
from scorer.strict_json import Node

POINTER = "current.json"
SIGNATURE = ".sig"
"""Added to a coefficient file's key, gives the key of its signature."""

_SAFE = re.compile(r"[0-9A-Za-z][0-9A-Za-z._-]*")
_SHA256 = re.compile(r"[0-9a-f]{64}")
_KEYS = ("model", "version", "sha256")


def version_key(model: str, version: str) -> str:
    """The key of a version in a store."""
    return f"{model}/{version}.json"


@dataclass(frozen=True, slots=True)
class Pointer:
    """Names the current version.

    Attributes:
        model: the model's name.
        version: its version.
        sha256: of the coefficient file's bytes, in hex.
        previous: the version that the pointer named before, for a rollback; None if unknown.
    """

    model: str
    version: str
    sha256: str
    previous: Pointer | None = None

    def __str__(self) -> str:
        return f"{self.model} {self.version}"

    @property
    def key(self) -> str:
        """The key of the version in the store."""
        return version_key(self.model, self.version)

    def to_bytes(self) -> bytes:
        """The pointer as a JSON document."""
        keys: dict[str, object] = {key: getattr(self, key) for key in _KEYS}
        if self.previous:
            keys["previous"] = {key: getattr(self.previous, key) for key in _KEYS}
        return strict_json.encode(keys)


def parse(data: bytes, source: str) -> Pointer:
    """Parses a pointer document.

    Args:
        data: its bytes.
        source: its name in errors.

    Raises:
        CoefficientFileError: the document is not a valid pointer, or one of its names could lead out of the store.
    """
    node = strict_json.parse(data, source)
    if "previous" not in node.members():
        return _pointer(node.object(*_KEYS))
    keys = node.object(*_KEYS, "previous")
    return _pointer(keys, _pointer(keys["previous"].object(*_KEYS)))


def _pointer(keys: dict[str, Node], previous: Pointer | None = None) -> Pointer:
    for key in ("model", "version"):
        if not is_safe(keys[key].text()):
            raise keys[key].invalid("expected letters, digits, dots, dashes and underscores")
    if not _SHA256.fullmatch(keys["sha256"].text()):
        raise keys["sha256"].invalid("expected 64 hexadecimal digits")
    model, version, sha256 = (keys[key].text() for key in _KEYS)
    return Pointer(model, version, sha256, previous)


@dataclass(frozen=True, slots=True)
class Pin:
    """A version to serve whatever the pointer names.

    Attributes:
        model: the model's name; empty for the pointer's model.
        version: its version.
        sha256: of the coefficient file's bytes, in hex; empty for any.
    """

    model: str
    version: str
    sha256: str


def parse_pin(text: str) -> Pin:
    """Parses ``VERSION`` or ``MODEL/VERSION``, either with ``@sha256:`` and 64 hexadecimal digits after it.

    Raises:
        ValueError: in words.
    """
    name, at, digest = text.partition("@")
    model, _, version = name.rpartition("/")
    if not is_safe(version) or (model and not is_safe(model)):
        raise ValueError("expected VERSION or MODEL/VERSION, of letters, digits, dots, dashes and underscores")
    algorithm, _, sha256 = digest.partition(":")
    if at and (algorithm != "sha256" or not _SHA256.fullmatch(sha256)):
        raise ValueError("expected @sha256: and 64 lower-case hexadecimal digits after the version")
    return Pin(model, version, sha256)


def is_safe(name: str) -> bool:
    """Whether a model's name or version can be part of a key without leading out of the store."""
    return _SAFE.fullmatch(name) is not None
