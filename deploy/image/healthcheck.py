"""The image's probe: exits with 0 if the server in this container is ready, else says why and exits with 1.

Runs every ten seconds beside the server, so it imports as little as it can: neither the package nor an HTTP client.
"""

import os
import socket
import sys

SECONDS = 2


def main() -> int:
    """Asks for /readyz, on the admin port if there is one."""
    port = int(os.environ.get("SCORER_ADMIN_PORT") or 0) or int(os.environ.get("SCORER_PORT") or 1313)
    host = os.environ.get("SCORER_HOST") or "127.0.0.1"
    if host in ("0.0.0.0", "::"):  # all addresses: the loopback is one of them
        host = "127.0.0.1"
    try:
        with socket.create_connection((host, port), SECONDS) as connection:
            connection.sendall(b"GET /readyz HTTP/1.1\r\nhost: healthcheck\r\nconnection: close\r\n\r\n")
            status = connection.recv(4_096).partition(b"\r\n")[0]
    except OSError as error:
        status = str(error).encode()
    ready = status.split()[1:2] == [b"200"]
    print("ready" if ready else f"not ready: {status.decode(errors='replace')}")
    return not ready


if __name__ == "__main__":
    sys.exit(main())
