"""Storage on a static file server, read with the standard library; conditional requests by ETag or Last-Modified."""

from __future__ import annotations

import http.client
import urllib.error
import urllib.request
from datetime import datetime, timedelta
from email.utils import parsedate_to_datetime
from time import monotonic
from urllib.parse import quote, urlsplit, urlunsplit

from scorer import strict_json
from scorer.errors import MissingFileError, StoreError, UnreadableFileError
from scorer.store.storage import Blob
from scorer.version import __version__

_CHUNK = 64 * 1024


class HTTP:
    """A static file server, which can only be read. An etag is the conditional header to send, as `name: value`."""

    local = False

    def __init__(self, address: str, timeout: float) -> None:
        parts = urlsplit(address)
        host = parts.netloc.rpartition("@")[2]
        self._timeout = timeout
        self._headers = {"user-agent": f"coefficient-scorer/{__version__}"}
        if host != parts.netloc:
            raise StoreError(
                urlunsplit(parts._replace(netloc=host)), "the URL contains a password, which would end up in logs"
            )
        self._base = address.rstrip("/")
        self.name = self._base

    def where(self, key: str) -> str:
        """See Storage: the file's URL."""
        return f"{self._base}/{quote(key)}"

    def read(self, key: str, etag: str | None = None) -> Blob | None:
        """See Storage."""
        url = self.where(key)
        condition = dict([etag.split(": ", 1)]) if etag else {}
        request = urllib.request.Request(url, headers={**self._headers, **condition})
        try:
            return self._get(request, url)
        except urllib.error.HTTPError as error:
            with error:
                if error.code == http.HTTPStatus.NOT_MODIFIED and condition:
                    return None
                if error.code in (http.HTTPStatus.NOT_FOUND, http.HTTPStatus.GONE):
                    raise MissingFileError(url, "$", f"answered {error.code}") from None
                raise UnreadableFileError(url, "$", f"answered {error.code}") from None
        except urllib.error.URLError as error:
            raise UnreadableFileError(url, "$", reason(error.reason)) from None
        except (OSError, http.client.HTTPException, ValueError) as error:
            raise UnreadableFileError(url, "$", reason(error)) from None

    def _get(self, request: urllib.request.Request, url: str) -> Blob:
        until = monotonic() + self._timeout
        with urllib.request.urlopen(request, timeout=self._timeout) as response:
            data = b""
            while chunk := response.read1(min(_CHUNK, strict_json.MAX_BYTES + 1 - len(data))):
                data += chunk
                if monotonic() > until:  # the socket's timeout starts anew with every byte
                    raise TimeoutError
            promised = response.headers.get("content-length")
            if promised is not None and len(data) < min(int(promised), strict_json.MAX_BYTES + 1):
                raise UnreadableFileError(url, "$", f"ended after {len(data):,} of {int(promised):,} bytes")
            return Blob(data, _etag(response.headers))

    def write(self, key: str, _data: bytes) -> None:
        """See Storage: always raises."""
        raise StoreError(self.where(key), "cannot be written over HTTP: promote to the storage behind the server")


def _etag(headers: http.client.HTTPMessage) -> str | None:
    if etag := headers.get("etag"):
        return f"if-none-match: {etag}"
    changed, answered = (_time(headers.get(name)) for name in ("last-modified", "date"))
    if changed and answered and answered - changed >= _SURE:
        return f"if-modified-since: {headers['last-modified']}"
    return None


_SURE = timedelta(seconds=2)
"""Last-Modified counts whole seconds, so it cannot tell two changes in the same second apart. It is used for files that
have not changed for this long (RFC 9110, section 8.8.2.2)."""


def _time(text: str | None) -> datetime | None:
    try:
        return parsedate_to_datetime(text) if text else None
    except ValueError:
        return None


def reason(error: object) -> str:
    """Why a request failed, in words."""
    if isinstance(error, TimeoutError):
        return "no answer in time"
    if isinstance(error, OSError) and error.strerror:
        return error.strerror.lower()
    return str(error).lower() or type(error).__name__
