"""The directory of versions that ships with the package, and loading from a path."""

from __future__ import annotations

import os
from pathlib import Path

from scorer.scorer import Scorer
from scorer.store.sources import OneFile, Source, Versions, load_from
from scorer.store.storage import Directory

_INSTALLED = Path(__file__).parents[1] / "shipped"
_CLONE = Path(__file__).parents[2] / "coefficients"


def shipped() -> Path:
    """The directory that ships with the package: inside an installed wheel, or beside the package in a clone."""
    return _INSTALLED if _INSTALLED.is_dir() else _CLONE


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
    given = shipped() if path is None else Path(path)
    source: Source = Versions(Directory(given)) if given.is_dir() else OneFile(Directory(given.parent), given.name)
    return load_from(source).scorer
