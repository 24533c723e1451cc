"""Ed25519 signatures (RFC 8032) of coefficient files: base64 of 64 bytes, in a file beside the one they sign.

Keys are PEM files, as `openssl genpkey -algorithm ed25519` and `openssl pkey -pubout` write them.
"""

from __future__ import annotations

import base64
import binascii
from pathlib import Path

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import load_pem_private_key, load_pem_public_key

from scorer import reading
from scorer.errors import SignatureError, StoreError


class PublicKey:
    """Checks signatures."""

    def __init__(self, path: Path) -> None:
        """Reads a public key.

        Raises:
            StoreError: the file holds none, or one of another kind.
            UnreadableFileError: it cannot be read.
        """
        try:
            key = load_pem_public_key(reading.read_bytes(path))
        except (ValueError, UnsupportedAlgorithm):
            raise StoreError(str(path), "no public key in PEM") from None
        if not isinstance(key, Ed25519PublicKey):
            raise StoreError(str(path), "not an Ed25519 key")
        self._key = key

    def check(self, data: bytes, signature: bytes, where: str) -> None:
        """Checks a signature.

        Args:
            data: the signed bytes.
            signature: what lies beside them.
            where: what to call them in errors.

        Raises:
            SignatureError: it is none, or it is not this key's signature of these bytes.
        """
        try:
            self._key.verify(base64.b64decode(signature.strip(), validate=True), data)
        except (binascii.Error, InvalidSignature):
            raise SignatureError(where, "$", "its signature is not that of the public key for these bytes") from None


class PrivateKey:
    """Makes signatures."""

    def __init__(self, path: Path) -> None:
        """Reads a private key, one without a passphrase.

        Raises:
            StoreError: the file holds none, or one of another kind, or a passphrase protects it.
            UnreadableFileError: it cannot be read.
        """
        try:
            key = load_pem_private_key(reading.read_bytes(path), password=None)
        except TypeError:
            raise StoreError(str(path), "the key is protected by a passphrase") from None
        except (ValueError, UnsupportedAlgorithm):
            raise StoreError(str(path), "no private key in PEM") from None
        if not isinstance(key, Ed25519PrivateKey):
            raise StoreError(str(path), "not an Ed25519 key")
        self._key = key

    def sign(self, data: bytes) -> bytes:
        """The signature of bytes, as it lies beside them."""
        return base64.b64encode(self._key.sign(data)) + b"\n"
