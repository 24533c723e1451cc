"""What RFC 9112 asks a server to refuse because of a request's head, where the parser (llhttp) lets it pass."""

from __future__ import annotations

import re
from collections.abc import Iterable
from http import HTTPStatus
from urllib.parse import unquote

import httptools

Fields = Iterable[tuple[bytes, bytes]]
"""Header lines: names in lower case, and values."""

CHECKED = frozenset({b"host", b"transfer-encoding"})
"""The fields that check_fields reads."""
_HOST = re.compile(rb"(?:[\w.~!$&'()*+;=%-]*|\[[0-9A-Fa-f:.]+\])(?::[0-9]*)?", re.ASCII)
"""RFC 9110, section 7.2: uri-host [":" port]. Without a comma, since a proxy may join two Hosts with one."""
_REQUEST_LINE = re.compile(rb"[!#$%&'*+.^_`|~0-9A-Za-z-]+ \S+ HTTP/1\.[0-9]\r\n")
"""RFC 9112, section 3: any method, known or not."""
_ABSOLUTE = re.compile(rb"([a-z][a-z0-9+.-]*://[^/?]+)(/[^?]*)?(\?.*)?", re.IGNORECASE | re.DOTALL)
"""RFC 9112, section 3.2.2: scheme and host, path, query."""


class RefusedError(Exception):
    """A request that must not reach the app.

    Attributes:
        status: what it is answered with.
    """

    def __init__(self, status: HTTPStatus) -> None:
        super().__init__(status)
        self.status = status


def check_version(version: str) -> None:
    """Refuses versions other than HTTP/1.x; a higher minor version is read as HTTP/1.1 (RFC 9110, section 2.5).

    Raises:
        RefusedError: with 505.
    """
    if not version.startswith("1."):
        raise RefusedError(HTTPStatus.HTTP_VERSION_NOT_SUPPORTED)


def check_fields(version: str, fields: Fields) -> None:
    """Checks Host (RFC 9112, section 3.2) and Transfer-Encoding (sections 6.1 and 6.3).

    Raises:
        RefusedError: with 400; with 501 for transfer codings before chunked.
    """
    hosts = 0
    for name, value in fields:
        if name == b"host":
            hosts += 1
            if not _HOST.fullmatch(value):
                raise RefusedError(HTTPStatus.BAD_REQUEST)
        elif name == b"transfer-encoding" and value.lower() != b"chunked":
            _check_transfer_codings(fields)
    if hosts != 1 and (hosts or version != "1.0"):
        raise RefusedError(HTTPStatus.BAD_REQUEST)


def _check_transfer_codings(fields: Fields) -> None:
    lines = b",".join(value for name, value in fields if name == b"transfer-encoding")
    codings = [coding for part in lines.lower().split(b",") if (coding := part.strip())]
    if codings[-1:] != [b"chunked"] or codings.count(b"chunked") > 1:  # nobody can say where the body ends
        raise RefusedError(HTTPStatus.BAD_REQUEST)
    if len(codings) > 1:
        raise RefusedError(HTTPStatus.NOT_IMPLEMENTED)


def checked_target(method: bytes, target: bytes) -> bytes:
    """A request target in a form that uvicorn reads: in the absolute form an empty path is written as "/".

    Raises:
        RefusedError: with 400, for a target in none of the forms that RFC 9112, section 3.2, has for this method.
    """
    if b"#" not in target:
        if target.startswith(b"/") or (target == b"*" and method == b"OPTIONS"):
            return target
        if parts := _ABSOLUTE.fullmatch(target):
            return parts[1] + (parts[2] or b"/") + (parts[3] or b"")
    raise RefusedError(HTTPStatus.BAD_REQUEST)


def split_target(target: bytes) -> tuple[str, bytes, bytes]:
    """The path of a request target, decoded and as it is, and its query.

    Raises:
        UnicodeDecodeError, httptools.HttpParserInvalidURLError: it is no target.
    """
    url = httptools.parse_url(target)
    path = url.path.decode("ascii")
    return unquote(path) if "%" in path else path, url.path, url.query or b""


def content_length(fields: Fields) -> int | None:
    """The length of a request's body, whose head the parser has checked; None where its end is told in another way."""
    names = dict(fields)
    return None if b"transfer-encoding" in names else int(names.get(b"content-length", b"0"))


def check_size(target: bytes, fields: Fields, limit: int) -> None:
    """Holds a whole head to a limit in bytes.

    Raises:
        RefusedError: with 414 or 431.
    """
    size = len(target) + sum(len(name) + len(value) + len(": \r\n") for name, value in fields)
    if size > limit:
        raise RefusedError(status_of_large_head(target, size))


def status_of_large_head(target: bytes, size: int) -> HTTPStatus:
    """414 where the target is most of the head (RFC 9112, section 3), else 431."""
    return HTTPStatus.REQUEST_URI_TOO_LONG if 2 * len(target) > size else HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE


def is_request_line(data: bytes) -> bool:
    """Whether data begin with a request line, whatever its method."""
    return _REQUEST_LINE.match(data) is not None


def without_upgrade(method: bytes, target: bytes, version: str, fields: Fields) -> bytes:
    """A head that asks for no other protocol: a server may ignore Upgrade (RFC 9110, section 7.8)."""
    lines = [b"%b %b HTTP/%b" % (method, target, version.encode())]
    lines += [b"%b: %b" % field for field in fields if field[0] != b"upgrade"]
    return b"\r\n".join([*lines, b"", b""])
