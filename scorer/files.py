"""Writing a file so that readers see the old bytes or the new ones, never half of them."""

from __future__ import annotations

import os
from collections.abc import Iterator
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


@contextmanager
def _naming(path: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise OSError(error.errno, error.strerror, str(path)) from None
