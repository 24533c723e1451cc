"""A directory of coefficient files: NAME/VERSION.json, and current.json, the pointer to the version in use."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from pathlib import Path

from scorer import document, errors, reading
from scorer.scorer import Scorer

POINTER = "current.json"
_INSTALLED = Path(__file__).parents[1] / "shipped"
_CLONE = Path(__file__).parents[2] / "coefficients"
_SAFE = re.compile(r"[0-9A-Za-z][0-9A-Za-z._-]*")


@dataclass(frozen=True, slots=True)
class Pointer:
    """Names the current version.

    Attributes:
        model: the model's name.
        version: its version.
        sha256: of the coefficient file's bytes, in hex.
    """

    model: str
    version: str
    sha256: str

    def path(self, directory: Path) -> Path:
        """Where the version's file lies."""
        return version_path(directory, self.model, self.version)

    def to_bytes(self) -> bytes:
        """The pointer document."""
        return document.encode({"model": self.model, "version": self.version, "sha256": self.sha256})


def version_path(directory: Path, model: str, version: str) -> Path:
    """Where a version's file lies in a directory."""
    return directory / model / f"{version}.json"


def shipped() -> Path:
    """The directory that ships with the package: inside an installed wheel, or beside the package in a clone."""
    return _INSTALLED if _INSTALLED.is_dir() else _CLONE


def read_pointer(directory: Path) -> Pointer:
    """Reads a directory's pointer.

    Raises:
        CoefficientFileError: it cannot be read, or is no pointer.
    """
    path = directory / POINTER
    keys = document.parse(reading.read_bytes(path), str(path)).object("model", "version", "sha256")
    for key in ("model", "version"):
        if not _SAFE.fullmatch(keys[key].text()):
            raise keys[key].invalid("expected letters, digits, dots, dashes and underscores")
    return Pointer(keys["model"].text(), keys["version"].text(), keys["sha256"].text())


def load(path: str | os.PathLike[str] | None = None) -> Scorer:
    """Loads a coefficient file: reads, validates and certifies it.

    Args:
        path: a coefficient file, or a directory with a pointer; the file that ships with the package if None.

    Returns:
        A scorer that is ready.

    Raises:
        CoefficientFileError: the file cannot be read, is not valid, is not the one that the pointer names, or its
            certificate is not reproduced on this machine.
    """
    place = shipped() if path is None else Path(path)
    if not place.is_dir():
        return Scorer(reading.read(place), str(place))
    pointer = read_pointer(place)
    target = pointer.path(place)
    file = reading.read(target)
    if file.sha256 != pointer.sha256:
        reason = f"its SHA-256 is {file.sha256}, and {POINTER} promises {pointer.sha256}"
        raise errors.WrongHashError(str(target), "$", reason)
    return Scorer(file, str(target))
