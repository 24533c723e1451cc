"""Writes versions to disk as NAME/VERSION.json, and never overwrites one with other bytes."""

from __future__ import annotations

from pathlib import Path

from export.errors import VersionExistsError
from scorer.coefficients import CoefficientFile
from scorer.files import atomic_write
from scorer.store.pointer import version_key


def write_version(directory: Path, file: CoefficientFile) -> Path:
    """Writes a coefficient file under its model and version. A file with the same bytes is left as it is.

    Args:
        directory: root of the versions, `coefficients` in this repository.
        file: a certified file.

    Returns:
        The path of the version.

    Raises:
        VersionExistsError: the version exists with other bytes.
    """
    path = directory / version_key(file.model, file.version)
    data = file.to_bytes()
    if path.exists():
        if path.read_bytes() != data:
            raise VersionExistsError(f"{path} exists with other bytes: a version is immutable, so choose a new one")
        return path
    write_atomically(path, data)
    return path


def write_atomically(path: Path, data: bytes) -> None:
    """Writes a temporary sibling and renames it to the path. Makes the directory if it is missing."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with atomic_write(path) as file:
        file.write(data)
