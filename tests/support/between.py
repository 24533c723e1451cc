"""A real HTTP server that stands between a client and a scorer, as a proxy does, and spoils answers."""

from __future__ import annotations

import ssl
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from ipaddress import ip_address
from pathlib import Path
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from tests.support.servers import Server

Spoil = Callable[[BaseHTTPRequestHandler, bytes], bytes | None]


def _handler(server: Server, spoil: Spoil, headers: Mapping[str, str]) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        wbufsize = -1  # head and body in one write

        def pass_on(self) -> None:
            body = self.rfile.read(int(self.headers.get("content-length") or 0))
            with server.client() as client:
                answer = client.send(self.command, self.path.removeprefix("/models"), body)
            text = spoil(self, answer.body) if self.command == "POST" else answer.body
            if text is None:
                self.close_connection = True
                return
            self.send_response(answer.status)
            for name, value in {**answer.headers, "content-length": str(len(text)), **headers}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(text)

        do_GET = do_POST = pass_on  # noqa: N815 (http.server's names)

        def log_message(self, *_: Any) -> None:
            pass

    return Handler


@contextmanager
def between(
    server: Server, spoil: Spoil, tls: Path | None = None, headers: Mapping[str, str] | None = None
) -> Iterator[str]:
    """Passes requests on to a scorer, and answers of POST through a function. Yields its URL.

    Args:
        server: the scorer.
        spoil: gets the handler and the answer's body, and returns another body, or None to close the connection.
        tls: a PEM file with certificate and private key, for https.
        headers: that take the place of the answers' own, by their names in lower case.
    """

    with ThreadingHTTPServer(("127.0.0.1", 0), _handler(server, spoil, headers or {})) as httpd:
        if tls:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(tls)
            httpd.socket = context.wrap_socket(httpd.socket, server_side=True)
        with in_thread(httpd):
            yield f"http{'s' * bool(tls)}://127.0.0.1:{httpd.server_port}/models"


@contextmanager
def in_thread(httpd: ThreadingHTTPServer) -> Iterator[None]:
    """Serves in a thread."""
    thread = threading.Thread(target=httpd.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield
    finally:
        httpd.shutdown()
        thread.join()


def make_certificate(path: Path) -> None:
    """Writes a certificate of 127.0.0.1 that is signed by itself, and its private key."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "127.0.0.1")])
    now = datetime.now(UTC)
    address = x509.SubjectAlternativeName([x509.IPAddress(ip_address("127.0.0.1"))])
    builder = x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.public_key())
    builder = builder.serial_number(x509.random_serial_number()).add_extension(address, critical=False)
    builder = builder.not_valid_before(now).not_valid_after(now + timedelta(days=1))
    certificate = builder.sign(key, hashes.SHA256()).public_bytes(Encoding.PEM)
    path.write_bytes(certificate + key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
