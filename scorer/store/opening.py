"""Opens the storage at an address."""

from __future__ import annotations

from pathlib import Path
from urllib.parse import urlsplit

from scorer.errors import StoreError
from scorer.store.storage import Directory, Storage

OBJECT_STORES = ("s3", "gs", "az")


def open_storage(address: str, timeout: float) -> Storage:
    """Opens the storage at an address. Nothing is read yet.

    Args:
        address: a directory, or a URL with the scheme http, https, s3, gs or az.
        timeout: time limit for a read or write, in seconds.

    Raises:
        StoreError: the scheme is unknown, or the package that it needs is not installed.
    """
    scheme = urlsplit(address).scheme if "://" in address else ""
    if scheme in ("http", "https"):
        from scorer.store.http import HTTP  # here and below: imported only if it is used

        return HTTP(address, timeout)
    if scheme in OBJECT_STORES:
        try:
            from scorer.store.objects import Objects
        except ModuleNotFoundError as error:
            raise StoreError(address, f"needs {error.name}: pip install 'coefficient-scorer[store]'") from None
        return Objects(address, timeout)
    if scheme:
        known = ", ".join(("http", "https", *OBJECT_STORES))
        raise StoreError(address, f"unknown scheme {scheme}: expected a directory, or one of {known}")
    return Directory(Path(address))
