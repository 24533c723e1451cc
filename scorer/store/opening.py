"""An address → the storage that it names."""

from __future__ import annotations

from pathlib import Path
from urllib.parse import urlsplit

from scorer.errors import StoreError
from scorer.store.storage import Directory, Storage

OBJECT_STORES = ("s3", "gs", "az")


def open_storage(address: str, timeout: float) -> Storage:
    """The place at an address.

    Args:
        address: a directory, or a URL with the scheme http, https, s3, gs or az.
        timeout: seconds within which a read or write has to be done.

    Raises:
        StoreError: no such kind of place, or a package is missing that it needs.
    """
    scheme = urlsplit(address).scheme if "://" in address else ""
    if scheme in ("http", "https"):
        from scorer.store.http import HTTP  # here and below: only who uses one pays for its import

        return HTTP(address, timeout)
    if scheme in OBJECT_STORES:
        try:
            from scorer.store.objects import Objects
        except ModuleNotFoundError as error:
            raise StoreError(address, f"needs {error.name}: pip install 'coefficient-scorer[store]'") from None
        return Objects(address, timeout)
    if scheme:
        known = ", ".join(("http", "https", *OBJECT_STORES))
        raise StoreError(address, f"no store has the scheme {scheme}: expected a directory, or one of {known}")
    return Directory(Path(address))
