"""Opens the folder at an address."""

from __future__ import annotations

import errno
import os
from pathlib import Path
from urllib.parse import urlsplit

from scorer.errors import StoreError
from scorer.folders.folder import File, Folder
from scorer.folders.local import Local, Standard
from scorer.store.opening import OBJECT_STORES

STANDARD = "-"


def scheme_of(address: str) -> str:
    """The scheme of a URL; empty for a path."""
    return address.partition("://")[0] if "://" in address else ""


def open_folder(address: str, *, makes: bool = False) -> Folder:
    """Opens a folder. Nothing is read yet.

    Args:
        address: a directory, or a URL with the scheme s3, gs, az, http or https.
        makes: whether a directory is made if it is missing.

    Raises:
        StoreError: the scheme is unknown, the package that it needs is not installed, or the address is not valid.
    """
    scheme = scheme_of(address)
    if scheme in OBJECT_STORES:
        try:
            from scorer.folders.objects import Objects  # here and below: imported only if it is used
        except ModuleNotFoundError as error:
            raise StoreError(address, f"needs {error.name}: pip install 'coefficient-scorer[store]'") from None
        return Objects(address)
    if scheme in ("http", "https"):
        from scorer.folders.web import Web

        return Web(address)
    if scheme:
        known = ", ".join(("http", "https", *OBJECT_STORES))
        raise StoreError(address, f"unknown scheme {scheme}: expected a path, or one of {known}")
    return Local(Path(address), makes=makes)


def split(address: str) -> tuple[Folder, str]:
    """The folder of a file's address, and the file's path in it.

    Raises:
        StoreError: as `open_folder`.
    """
    scheme = scheme_of(address)
    if not scheme:
        return Local(Path(address).parent), Path(address).name
    if scheme in OBJECT_STORES:
        above, _, name = address.rpartition("/")
        return open_folder(above), name
    return open_folder(address), urlsplit(address).path.rpartition("/")[2]


def is_folder(address: str) -> bool:
    """Whether an address names a folder: it ends with a slash, or is a directory or a bucket."""
    scheme = scheme_of(address)
    if not scheme:
        return address != STANDARD and (address.endswith("/") or Path(address).is_dir())
    return address.endswith("/") or (scheme in OBJECT_STORES and address.count("/") == 2)


def look_up(address: str) -> tuple[Folder, list[File], bool]:
    """What is at an address.

    Args:
        address: of a file or a folder; - for standard input.

    Returns:
        A folder; all of its files, or the one at the address; whether the address is the folder's. What has no slash
        at its end is a folder if there are files below it, and no file of that name.

    Raises:
        StoreError, OSError: there is nothing, or it cannot be told.
    """
    if address == STANDARD:
        standard = Standard()
        return standard, standard.files(), False
    if is_folder(address):
        folder = open_folder(address)
        return folder, folder.files(), True
    folder, name = split(address)
    if file := folder.find(name):
        return folder, [file], False
    if not scheme_of(address):
        raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), folder.where(name))
    below = open_folder(address)
    if files := below.files():
        return below, files, True
    raise StoreError(folder.where(name), "no such object, and none below it")
