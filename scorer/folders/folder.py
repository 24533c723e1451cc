"""What a folder is, whatever holds it. A module of its own has each kind: directories, object stores, HTTP."""

from __future__ import annotations

from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import BinaryIO, Protocol


@dataclass(frozen=True, slots=True)
class File:
    """A file as its folder lists it.

    Attributes:
        path: where it is below the folder, with slashes.
        size: in bytes; 0 if it is not known, as of a pipe.
        state: changes when the content does: an ETag, or size and time; empty if that cannot be told.
    """

    path: str
    size: int
    state: str


class Folder(Protocol):
    """A directory, a prefix of an object store, or a path of a web server.

    Attributes:
        name: its address in errors; contains no password.
    """

    name: str

    def where(self, path: str) -> str:
        """The name of a file in errors: a path or a URL."""

    def key(self, path: str = "") -> str:
        """The same text for the same file, or for the folder itself, however it was addressed."""

    def find(self, path: str) -> File | None:
        """One file, or None where the path has no file.

        Raises:
            StoreError, OSError: whether there is one cannot be told.
        """

    def files(self) -> list[File]:
        """All files at any depth, in the order of their paths.

        Raises:
            StoreError, OSError: they cannot be listed.
        """

    def open(self, file: File, seeks: bool) -> AbstractContextManager[BinaryIO]:
        """Opens a file to read.

        Args:
            file: of `find` or `files`.
            seeks: whether the reader jumps to and fro; one that does not is served by a read-ahead.

        Raises:
            StoreError, OSError: it cannot be read. Reading raises them, too.
        """

    def create(self, path: str) -> AbstractContextManager[BinaryIO]:
        """Opens a file to write. It appears when the block ends, and as it was before if the block raises.

        Raises:
            StoreError, OSError: it cannot be written. Writing and the block's end raise them, too.
        """

    def remove(self, path: str) -> None:
        """Removes a file.

        Raises:
            StoreError, OSError: it cannot be removed.
        """
