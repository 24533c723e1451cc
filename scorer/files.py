"""Writing a file or a directory so that readers see the old bytes or the new ones, never half of them."""

from __future__ import annotations

import errno
import os
from collections.abc import Container, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO


@contextmanager
def atomic_write(path: Path) -> Iterator[BinaryIO]:
    """Opens a temporary sibling of ``path`` to write; at the end it is flushed to disk and renamed to ``path``.

    If the block raises, the temporary file is removed and ``path`` stays as it was. A symbolic link stays, and what it
    leads to is replaced. A pipe or a device is no file to be replaced: it is written to directly.

    Raises:
        OSError: ``path`` cannot be written. Names it, not the temporary file.
    """
    import tempfile  # takes milliseconds that a server which starts can do without

    target = path.resolve()
    if target.exists() and not target.is_file() and not target.is_dir():
        with path.open("wb") as device:
            yield device
        return
    with _naming(path):
        descriptor, name = tempfile.mkstemp(dir=target.parent, prefix=f".{target.name}.", suffix=".tmp")
    temporary = Path(name)
    try:
        with os.fdopen(descriptor, "wb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        temporary.chmod(0o644)  # mkstemp makes it readable by its owner alone
        with _naming(path):
            temporary.replace(target)
    except BaseException:
        temporary.unlink()
        raise


def write_directory(path: Path, contents: Mapping[str, bytes], added: Container[str] = ()) -> None:
    """Writes files into a temporary sibling of ``path``, which is flushed to disk and renamed to ``path``.

    A directory that holds these files already, and no others, stays as it is.

    Args:
        path: does not exist yet, or is empty, or holds these files.
        contents: the files' bytes by their path in the directory, parts separated by slashes.
        added: names of files, and of directories, that may stand beside them: readers add them.

    Raises:
        OSError: ``path`` cannot be written, or holds something else. Names it.
    """
    import shutil
    import tempfile

    target = path.resolve()
    if target.exists() and (found := _contents(path, added)):
        if found != contents:
            raise FileExistsError(errno.EEXIST, "exists, and holds something else", str(path))
        return
    with _naming(path):
        temporary = Path(tempfile.mkdtemp(dir=target.parent, prefix=f".{target.name}.", suffix=".tmp"))
        try:
            for name, data in contents.items():
                _write_new(temporary / name, data)
            temporary.chmod(0o755)  # mkdtemp makes it its owner's alone
            temporary.replace(target)
        except BaseException:
            shutil.rmtree(temporary)
            raise


def _contents(path: Path, left_out: Container[str]) -> dict[str, bytes]:
    with _naming(path):
        if not path.is_dir():
            raise NotADirectoryError(errno.ENOTDIR, "exists, and is not a directory")
        names = (each.relative_to(path) for each in path.rglob("*") if each.is_file())
        return {
            name.as_posix(): (path / name).read_bytes()
            for name in names
            if not any(part in left_out for part in name.parts)
        }


def _write_new(path: Path, data: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())


@contextmanager
def _naming(path: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise OSError(error.errno, error.strerror, str(path)) from None
