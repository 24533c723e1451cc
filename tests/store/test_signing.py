from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from scorer import errors
from scorer.store.signing import PrivateKey, PublicKey
from tests.support.stores import make_keys


def test_a_signature_holds_for_its_bytes_and_its_key_alone(tmp_path: Path) -> None:
    private, public = make_keys(tmp_path)
    _, other = make_keys(tmp_path, "other")
    signature = PrivateKey(private).sign(b"bytes")
    PublicKey(public).check(b"bytes", signature, "here")
    for key, data, given in (
        (public, b"Bytes", signature),
        (other, b"bytes", signature),
        (public, b"bytes", signature[4:]),
        (public, b"bytes", b"no base64!"),
        (public, b"bytes", b""),
    ):
        with pytest.raises(
            errors.SignatureError, match="here: its signature does not match this file and the public key"
        ):
            PublicKey(key).check(data, given, "here")


def test_openssl_agrees(tmp_path: Path) -> None:
    private, public = make_keys(tmp_path)
    (tmp_path / "file").write_bytes(b"bytes")
    (tmp_path / "file.sig").write_bytes(PrivateKey(private).sign(b"bytes"))
    subprocess.run(["openssl", "base64", "-d", "-A", "-in", "file.sig", "-out", "raw"], cwd=tmp_path, check=True)
    check = ["openssl", "pkeyutl", "-verify", "-pubin", "-inkey", str(public), "-rawin"]
    check += ["-in", "file", "-sigfile", "raw"]
    done = subprocess.run(check, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (0, "Signature Verified Successfully\n")


def test_keys_that_are_none(tmp_path: Path) -> None:
    private, public = make_keys(tmp_path)
    rsa, locked, text = tmp_path / "rsa.pem", tmp_path / "locked.pem", tmp_path / "text.pem"
    text.write_text("no key")
    subprocess.run(["openssl", "genpkey", "-algorithm", "x25519", "-out", rsa], check=True, capture_output=True)
    lock = ["openssl", "pkey", "-in", str(private), "-aes128", "-passout", "pass:secret", "-out", str(locked)]
    subprocess.run(lock, check=True, capture_output=True)
    rsa_public = tmp_path / "rsa.pub.pem"
    subprocess.run(["openssl", "pkey", "-in", rsa, "-pubout", "-out", rsa_public], check=True, capture_output=True)
    for path, reason in (
        (text, "no private key in PEM"),
        (public, "no private key in PEM"),
        (rsa, "not an Ed25519 key"),
        (locked, "the key is protected by a passphrase"),
    ):
        with pytest.raises(errors.StoreError, match=f"{path.name}: {reason}"):
            PrivateKey(path)
    for path, reason in ((text, "no public key in PEM"), (rsa_public, "not an Ed25519 key")):
        with pytest.raises(errors.StoreError, match=f"{path.name}: {reason}"):
            PublicKey(path)
    with pytest.raises(errors.MissingFileError):
        PublicKey(tmp_path / "none.pem")
