"""API keys: a file with a name and the SHA-256 of a key on each line, read again when it changes.

A key is 256 random bits. No list of likely keys exists to try, so one round of SHA-256 is enough.
"""

from __future__ import annotations

import hashlib
import hmac
import logging
import re
import secrets
from pathlib import Path
from time import monotonic

from scorer.errors import CoefficientFileError, SettingError, UnauthorizedError
from scorer.store.storage import Directory

SETTING = "SCORER_API_KEYS_FILE"
POLL_SECONDS = 1.0
"""Time between two checks whether the file has changed."""

_NAME = re.compile(r"[A-Za-z0-9._-]{1,100}", re.ASCII)
_LINE = re.compile(rf"({_NAME.pattern})\s+([0-9a-f]{{64}})", re.ASCII)
_log = logging.getLogger("scorer.service")


def new_key() -> str:
    """A new key."""
    return secrets.token_urlsafe(32)


def file_line(name: str, key: str) -> str:
    """The line of the file for a key.

    Raises:
        SettingError: the name is not valid.
    """
    if not _NAME.fullmatch(name):
        raise SettingError(SETTING, "the name of a key is at most 100 letters, digits, dots, dashes and underscores")
    return f"{name} {_hash(key.encode())}"


class APIKeys:
    """The keys in a file."""

    def __init__(self, path: Path) -> None:
        """Reads the file.

        Raises:
            SettingError: the file cannot be read, or a line is not valid.
        """
        self._storage = Directory(path.parent)
        self._name = path.name
        self._etag: str | None = None
        self._polled = monotonic()
        self._failing = ""
        self._hashes: list[str] = []
        self._read()

    def require(self, authorization: bytes) -> None:
        """Checks a request's key. The time that it takes tells nothing about the known keys.

        Args:
            authorization: the value of the Authorization header; empty if the request does not have the header.

        Raises:
            UnauthorizedError: the header holds no known key.
        """
        if monotonic() - self._polled > POLL_SECONDS:
            self._poll()
        scheme, _, key = authorization.partition(b" ")
        given = _hash(key.strip())
        known = False
        for expected in self._hashes:
            known |= hmac.compare_digest(given, expected)
        if scheme.lower() != b"bearer" or not known:
            raise UnauthorizedError

    def _poll(self) -> None:
        self._polled = monotonic()
        try:
            self._read()
        except SettingError as error:
            if error.reason != self._failing:
                _log.warning("keeping the known API keys: %s", error)
            self._failing = error.reason
        else:
            if self._failing:
                _log.info("%s is fine again", SETTING)
            self._failing = ""

    def _read(self) -> None:
        try:
            blob = self._storage.read(self._name, self._etag)
        except CoefficientFileError as error:
            raise SettingError(SETTING, str(error)) from None
        if blob is None:
            return
        hashes = []
        for number, text in enumerate(blob.data.decode("utf-8", "replace").splitlines(), 1):
            if not text.strip() or text.lstrip().startswith("#"):
                continue
            match = _LINE.fullmatch(text.strip())
            if match is None:
                raise SettingError(SETTING, f"line {number}: expected a name and the SHA-256 of a key in hex")
            hashes.append(match[2])
        self._hashes = hashes
        self._etag = blob.etag  # only now: a file that is not valid must be read, and refused, at the next check too


def _hash(key: bytes) -> str:
    return hashlib.sha256(key).hexdigest()
