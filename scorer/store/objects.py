"""Storage in an object store (S3, Google Cloud Storage, Azure Blob), with obstore.

Credentials, region and endpoint come from the environment variables of the cloud:
https://developmentseed.org/obstore/latest/authentication/.
"""

from __future__ import annotations

import os
import re
from datetime import timedelta
from typing import Any

import obstore
from obstore.exceptions import BaseError, NotFoundError, NotModifiedError
from obstore.store import from_url

from scorer import strict_json
from scorer.errors import FileTooLargeError, MissingFileError, StoreError, UnreadableFileError
from scorer.store.storage import Blob


class Objects:
    """A bucket, or the part of it under a prefix. An etag is the object's ETag."""

    local = False

    def __init__(self, address: str, timeout: float) -> None:
        self.name = address.rstrip("/")
        wait = timedelta(seconds=timeout)
        plain = os.environ.get("AWS_ALLOW_HTTP", "").lower() in (
            "1",
            "true",
        )  # client_options hide this variable from obstore
        retries: Any = {"max_retries": 0, "retry_timeout": wait}  # the next poll is the retry
        try:
            self._store = from_url(
                self.name,
                client_options={"timeout": wait, "connect_timeout": wait, "allow_http": plain},
                retry_config=retries,
            )
        except (BaseError, ValueError) as error:
            raise StoreError(self.name, _reason(error)) from None

    def where(self, key: str) -> str:
        """See Storage: the object's URL."""
        return f"{self.name}/{key}"

    def read(self, key: str, etag: str | None = None) -> Blob | None:
        """See Storage."""
        try:
            response = obstore.get(self._store, key, options={"if_none_match": etag} if etag else {})
            if response.meta["size"] > strict_json.MAX_BYTES:
                reason = f"{response.meta['size']:,} bytes are more than the cap of {strict_json.MAX_BYTES:,}"
                raise FileTooLargeError(self.where(key), "$", reason)
            return Blob(response.bytes().to_bytes(), response.meta["e_tag"])
        except NotModifiedError:
            return None
        except (NotFoundError, FileNotFoundError):
            raise MissingFileError(self.where(key), "$", "no such object") from None
        except (BaseError, OSError) as error:
            raise UnreadableFileError(self.where(key), "$", _reason(error)) from None

    def write(self, key: str, data: bytes) -> None:
        """See Storage."""
        try:
            obstore.put(self._store, key, data)
        except (BaseError, OSError) as error:
            raise StoreError(self.where(key), _reason(error)) from None


def _reason(error: Exception) -> str:
    """The first line of an error, without the time that it took. The other lines are details of obstore."""
    return _TOOK.sub("", str(error).partition("\n")[0].strip())


_TOOK = re.compile(r" in \d[\d.]*[nµm]?s\b")
