"""Binds the ports of the service, for `serve` and `check`."""

from __future__ import annotations

import os
import socket

from scorer.errors import SettingError
from scorer.service.settings import PREFIX, Settings

BACKLOG = 2_048


def listen(settings: Settings, field: str) -> socket.socket:
    """A socket that listens on the host and a port of the settings.

    Args:
        settings: the host and the ports.
        field: which port: `port` or `admin_port`.

    Raises:
        SettingError: the host does not resolve, or the port cannot be bound.
    """
    port = getattr(settings, field)
    try:
        family, _, _, _, address = socket.getaddrinfo(
            settings.host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
    except (socket.gaierror, UnicodeError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise SettingError(f"{PREFIX}HOST", f"{settings.host!r} does not resolve: {reason}") from None
    try:
        listener = socket.create_server(address[:2], family=family, backlog=BACKLOG)
    except OSError as error:
        reason = os.strerror(error.errno or 0).lower()  # error.strerror repeats the address
        advice = "; choose another with --port" if field == "port" else ""
        message = f"cannot listen on {settings.host}:{port}: {reason}{advice}"
        raise SettingError(f"{PREFIX}{field.upper()}", message) from None
    listener.set_inheritable(True)
    return listener
