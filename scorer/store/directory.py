"""Loads a coefficient file from a path, or the one that ships with the package."""

from __future__ import annotations

import os
from pathlib import Path

from scorer.scorer import Scorer
from scorer.store.sources import Loaded, OneFile, Source, Versions, load_from
from scorer.store.storage import Directory

_INSTALLED = Path(__file__).parents[1] / "shipped"
_CLONE = Path(__file__).parents[2] / "coefficients"


def shipped() -> Path:
    """The directory that ships with the package: in an installed wheel, or beside the package in a clone."""
    return _INSTALLED if _INSTALLED.is_dir() else _CLONE


def load(path: str | os.PathLike[str] | None = None) -> Scorer:
    """Reads, validates and certifies a coefficient file.

    Args:
        path: a coefficient file, or a directory with a pointer; None for the file that ships with the package.

    Raises:
        CoefficientFileError: the file cannot be read, is not valid, is not the one that the pointer names, or this
            machine does not reproduce its certificate.
    """
    return load_with_bytes(path).scorer


def load_with_bytes(path: str | os.PathLike[str] | None = None) -> Loaded:
    """As `load`, with the file's bytes. Argument and errors are those of `load`."""
    given = shipped() if path is None else Path(path)
    source: Source = Versions(Directory(given)) if given.is_dir() else OneFile(Directory(given.parent), given.name)
    return load_from(source)
