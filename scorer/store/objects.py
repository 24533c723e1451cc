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
        self._store = connect(self.name, timeout, retries=0)  # the next poll is the retry

    def where(self, key: str) -> str:
        """See Storage: the object's URL."""
        return f"{self.name}/{key}"

    def read(self, key: str, etag: str | None = None) -> Blob | None:
        """See Storage."""
        try:
            response = obstore.get(self._store, key, options={"if_none_match": etag} if etag else {})
            if response.meta["size"] > strict_json.MAX_BYTES:
                size = response.meta["size"]
                told = f"{size:,} bytes are more than the cap of {strict_json.MAX_BYTES:,}"
                raise FileTooLargeError(self.where(key), "$", told)
            return Blob(response.bytes().to_bytes(), response.meta["e_tag"])
        except NotModifiedError:
            return None
        except (NotFoundError, FileNotFoundError):
            raise MissingFileError(self.where(key), "$", "no such object") from None
        except (BaseError, OSError) as error:
            raise UnreadableFileError(self.where(key), "$", reason(error)) from None

    def write(self, key: str, data: bytes) -> None:
        """See Storage."""
        try:
            obstore.put(self._store, key, data)
        except (BaseError, OSError) as error:
            raise StoreError(self.where(key), reason(error)) from None


def connect(address: str, timeout: float, retries: int) -> Any:
    """Opens a bucket, or the part of it under a prefix. Nothing is asked yet.

    Args:
        address: a URL with the scheme s3, gs or az.
        timeout: time limit for a request, in seconds.
        retries: how often a request is repeated that got no answer, or an error of the server.

    Raises:
        StoreError: the address is not valid, or the environment lacks what the cloud needs.
    """
    wait = timedelta(seconds=timeout)
    # client_options hide this variable from obstore
    plain = os.environ.get("AWS_ALLOW_HTTP", "").lower() in ("1", "true")
    again: Any = {"max_retries": retries, "retry_timeout": wait}
    options: Any = {"timeout": wait, "connect_timeout": wait, "allow_http": plain}
    try:
        return from_url(address, client_options=options, retry_config=again)
    except (BaseError, ValueError) as error:
        raise StoreError(address, reason(error)) from None


def reason(error: Exception) -> str:
    """What an error of obstore says, in a line; its other lines are details of obstore."""
    text = str(error)
    if told := _TOLD.search(text):
        return f"{told[1]}: {told[2].rstrip('.')}"
    host = asked[1] if (asked := _ASKED.search(text)) else None
    if host == _METADATA:
        return "no credentials in the environment, and none from this machine's cloud"
    if host and (status := _STATUS.search(text)):
        return f"{host} answered {status[1]}"
    if host:
        causes = [*_CAUSE.findall(text), *_HTTP.findall(text)]
        return f"no answer from {host}{': ' if causes else ''}{causes[0].lower() if causes else ''}"
    return text.partition("\n")[0].strip()


_METADATA = "http://169.254.169.254"
"""Where machines of a cloud ask for credentials."""

_TOLD = re.compile(r"<Code>([^<]*)</Code>\s*<Message>([^<]*)</Message>")
_ASKED = re.compile(r"Error performing [A-Z]+ (https?://[^/\s,?]+)")
_STATUS = re.compile(r"status code: (\d{3}[\w ]*)")
_CAUSE = re.compile(r'(?:message|error): "([^"]+)"')
_HTTP = re.compile(r"HTTP error: ([^\n]*)")
