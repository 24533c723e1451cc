"""Sends the head of an answer together with its body."""

from __future__ import annotations

from typing import Any


class CoalescingTransport:
    """A transport that sends the head of an answer together with what follows it.

    uvicorn writes the two one after the other, and uvloop sends each at once. A process that is killed in between has
    begun an answer, so that no proxy may try the request elsewhere; and a system call is a tenth of a single row.
    """

    def __init__(self, transport: Any) -> None:
        self._transport = transport
        self._head: bytes | None = None

    def __getattr__(self, name: str) -> Any:
        attribute = getattr(self._transport, name)
        setattr(self, name, attribute)  # the next time it is found at once
        return attribute

    def write(self, data: bytes) -> None:
        """As asyncio.WriteTransport, but a head is kept until its body is written."""
        if self._head is not None:
            head, self._head = self._head, None
            self._transport.writelines((head, data))
        elif data.endswith(b"\r\n\r\n") and data.startswith(b"HTTP/1.1 ") and not data.startswith(_CONTINUE):
            self._head = data
        else:
            self._transport.write(data)

    def flush(self) -> None:
        """Sends a head that has no body, as in an answer to HEAD."""
        if self._head is not None:
            self._transport.write(self._head)
            self._head = None

    def close(self) -> None:
        """As asyncio.BaseTransport."""
        self.flush()
        self._transport.close()


_CONTINUE = b"HTTP/1.1 100 "
