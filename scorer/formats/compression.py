"""gzip and zstd, while a file is read or written."""

from __future__ import annotations

import io
import zlib
from typing import Any, BinaryIO, cast

from scorer.errors import TableError

COMPRESSIONS = {"gz": "gzip", "zst": "zstd"}
"""By the ending of a file."""

_GZIP_LEVEL = 6
"""Python's own default of 9 takes several times as long for a percent less."""


def reader(file: BinaryIO, ending: str, name: str) -> BinaryIO:
    """The decompressed bytes of a file.

    Args:
        file: opened in binary mode; stays open.
        ending: one of COMPRESSIONS.
        name: the file's name in errors.

    Raises:
        TableError: zstd cannot be read here. Reading raises one of `errors()` for what is cut off or damaged.
    """
    if ending == "gz":
        import gzip

        return cast(BinaryIO, gzip.GzipFile(fileobj=file, mode="rb"))
    if zstd := _zstd():
        return cast(BinaryIO, zstd.ZstdFile(file, "rb"))
    return cast(BinaryIO, _pyarrow(name).CompressedInputStream(_Unclosed(file), "zstd"))


def writer(file: BinaryIO, ending: str, name: str) -> BinaryIO:
    """Compresses what is written to it. Closing writes the end, and leaves `file` open.

    Raises:
        TableError: zstd cannot be written here.
    """
    if ending == "gz":
        import gzip

        return cast(BinaryIO, gzip.GzipFile(filename="", fileobj=file, mode="wb", compresslevel=_GZIP_LEVEL, mtime=0))
    if zstd := _zstd():
        return cast(BinaryIO, zstd.ZstdFile(file, "wb"))
    return cast(BinaryIO, _pyarrow(name).CompressedOutputStream(_Unclosed(file), "zstd"))


def errors() -> tuple[type[Exception], ...]:
    """What decompressing raises, but for the EOFError of what is cut off."""
    import gzip

    zstd = _zstd()
    return (zlib.error, gzip.BadGzipFile, *([zstd.ZstdError] if zstd else [OSError]))


class _Unclosed(io.RawIOBase):
    """A file that stays open when pyarrow closes what it was given."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file

    def readable(self) -> bool:
        return self._file.readable()

    def writable(self) -> bool:
        return self._file.writable()

    def read(self, size: int = -1) -> bytes:
        return self._file.read(size)

    def write(self, data: Any) -> int:
        return self._file.write(data)


def _zstd() -> Any:
    """The standard library's module since Python 3.14, or its backport, or None."""
    try:
        from compression import zstd  # type: ignore[import-not-found, unused-ignore]
    except ImportError:
        try:
            from backports import zstd
        except ImportError:
            return None
    return zstd


def _pyarrow(name: str) -> Any:
    try:
        import pyarrow
    except ImportError:
        raise TableError(f"{name}: zstd needs Python 3.14 or backports.zstd: pip install backports.zstd") from None
    return pyarrow
