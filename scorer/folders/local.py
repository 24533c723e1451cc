"""Directories, and the standard streams."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from functools import cached_property
from pathlib import Path
from typing import BinaryIO

from scorer import files
from scorer.errors import TableError
from scorer.folders.folder import File


class Local:
    """A directory."""

    def __init__(self, path: Path, *, makes: bool = False) -> None:
        """Takes a directory.

        Args:
            path: of the directory.
            makes: whether directories that are missing are made.
        """
        self._path = path
        self._makes = makes
        self.name = str(path)

    def where(self, path: str) -> str:
        """See Folder: the path."""
        return str(self._path / path)

    def key(self, path: str = "") -> str:
        """See Folder: the path, without links that the folder is behind, or the file is."""
        whole = self._resolved / path
        return str(whole.resolve() if whole.is_symlink() else whole)

    @cached_property
    def _resolved(self) -> Path:
        return self._path.resolve()

    def find(self, path: str) -> File | None:
        """See Folder."""
        try:
            return _file(path, (self._path / path).stat())
        except FileNotFoundError:
            return None

    def files(self) -> list[File]:
        """See Folder. Links are followed."""
        found = _walk(self._path, "", ()) if self._path.exists() or not self._makes else ()
        return sorted(found, key=lambda file: file.path)

    def open(self, file: File, seeks: bool) -> BinaryIO:  # noqa: ARG002 (of Folder)
        """See Folder."""
        return (self._path / file.path).open("rb")

    def create(self, path: str) -> AbstractContextManager[BinaryIO]:
        """See Folder."""
        target = self._path / path
        if self._makes:
            target.parent.mkdir(parents=True, exist_ok=True)
        return files.atomic_write(target)

    def remove(self, path: str) -> None:
        """See Folder."""
        (self._path / path).unlink()


def _walk(directory: Path, below: str, above: tuple[tuple[int, int], ...]) -> Iterator[File]:
    at = directory.stat()
    if (at.st_dev, at.st_ino) in above:
        raise TableError(f"{directory}: a link that leads back to a directory above it")
    with os.scandir(directory) as entries:
        for entry in entries:
            if entry.is_dir():
                yield from _walk(directory / entry.name, f"{below}{entry.name}/", (*above, (at.st_dev, at.st_ino)))
            elif entry.is_file():
                yield _file(f"{below}{entry.name}", entry.stat())


def _file(path: str, at: os.stat_result) -> File:
    return File(path, at.st_size, f"{at.st_size}-{at.st_mtime_ns}")


class Standard:
    """Standard input and standard output."""

    name = "standard input"

    def where(self, path: str) -> str:
        """See Folder."""
        return path

    def key(self, path: str = "") -> str:
        """See Folder."""
        return path

    def find(self, path: str) -> File | None:
        """See Folder."""
        return File(path, 0, "")

    def files(self) -> list[File]:
        """See Folder."""
        return [File(self.name, 0, "")]

    @contextmanager
    def open(self, file: File, seeks: bool) -> Iterator[BinaryIO]:  # noqa: ARG002 (of Folder)
        """See Folder: standard input, which stays open."""
        yield sys.stdin.buffer

    @contextmanager
    def create(self, path: str) -> Iterator[BinaryIO]:  # noqa: ARG002 (of Folder)
        """See Folder: standard output, which stays open, and has all that was written."""
        yield sys.stdout.buffer
        sys.stdout.buffer.flush()

    def remove(self, path: str) -> None:
        """See Folder: there is nothing to remove."""
