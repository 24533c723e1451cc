"""Ed25519 signatures (RFC 8032) of coefficient files: 64 bytes in base64, in a file beside the coefficient file.

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
    """Verifies signatures."""

    def __init__(self, path: Path) -> None:
        """Reads a public key.

        Raises:
            StoreError: the file does not hold an Ed25519 public key.
            UnreadableFileError: the file cannot be read.
        """
        try:
            key = load_pem_public_key(reading.read_bytes(path))
        except (ValueError, UnsupportedAlgorithm):
            raise StoreError(str(path), "no public key in PEM") from None
        if not isinstance(key, Ed25519PublicKey):
            raise StoreError(str(path), "not an Ed25519 key")
        self._key = key

    def check(self, data: bytes, signature: bytes, where: str) -> None:
        """Verifies a signature.

        Args:
            data: the signed bytes.
            signature: the content of the signature file.
            where: the name of the signed file in errors.

        Raises:
            SignatureError: the signature is malformed, or was not made of these bytes with this key's private key.
        """
        try:
            self._key.verify(base64.b64decode(signature.strip(), validate=True), data)
        except (binascii.Error, InvalidSignature):
            raise SignatureError(where, "$", "its signature does not match this file and the public key") from None


class PrivateKey:
    """Makes signatures."""

    def __init__(self, path: Path) -> None:
        """Reads a private key.

        Raises:
            StoreError: the file does not hold an Ed25519 private key, or a passphrase protects it.
            UnreadableFileError: the file cannot be read.
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
        """The content of the signature file for these bytes."""
        return base64.b64encode(self._key.sign(data)) + b"\n"
