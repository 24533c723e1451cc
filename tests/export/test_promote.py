from __future__ import annotations

import json
from pathlib import Path

import pytest

from export.__main__ import main
from scorer.coefficients import CoefficientFile
from scorer.store.pointer import POINTER, parse
from scorer.store.signing import PublicKey
from tests.support.standin import StandIn
from tests.support.stores import Store, make_keys


@pytest.fixture
def built(tmp_path: Path, versions: list[CoefficientFile]) -> Store:
    """Where the versions were trained."""
    return Store(tmp_path / "coefficients", *versions)


def current(store: Path) -> str:
    pointer = parse((store / POINTER).read_bytes(), "pointer")
    return f"{pointer} before {pointer.previous}"


def promote(built: Store, store: Path, version: str, *more: str) -> int:
    return main(["promote", "glm-26", version, "--from", str(built.path), "--store", str(store), *more])


def test_promote_and_roll_back(built: Store, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    store = tmp_path / "store"
    assert promote(built, store, "1.0.0") == 0
    assert capsys.readouterr().out.startswith(f"{store}: nothing → glm-26 1.0.0, not signed")
    assert promote(built, store, "1.1.0") == promote(built, store, "1.1.0") == 0
    assert current(store) == "glm-26 1.1.0 before glm-26 1.0.0"
    assert main(["rollback", "--store", str(store)]) == 0
    assert current(store) == "glm-26 1.0.0 before glm-26 1.1.0"
    assert f"{store}: glm-26 1.1.0 → glm-26 1.0.0\n" in capsys.readouterr().out
    assert promote(built, store, "1.2.0") == 0
    assert main(["rollback", "--store", str(store), "--to", "1.1.0"]) == 0
    assert current(store) == "glm-26 1.1.0 before glm-26 1.2.0"
    assert main(["rollback", "--store", str(store), "--to", "glm-26/1.0.0"]) == 0
    assert current(store) == "glm-26 1.0.0 before glm-26 1.1.0"


def test_what_is_refused_leaves_the_store_as_it_was(
    built: Store, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    store = tmp_path / "store"
    assert main(["rollback", "--store", str(store)]) == 2
    assert promote(built, store, "1.0.0") == 0
    assert main(["rollback", "--store", str(store)]) == 2
    assert main(["rollback", "--store", str(store), "--to", "9.9.9"]) == 2
    path = built.path_of("1.1.0")
    good = path.read_bytes()
    document = json.loads(good)
    document["terms"][0]["coefficient"] += 0.1
    path.write_text(json.dumps(document))
    assert promote(built, store, "1.1.0") == 2
    path.write_bytes(good)
    (store / "glm-26" / "1.1.0.json").write_text("another")
    assert promote(built, store, "1.1.0") == 2
    assert promote(built, store, "3.0.0") == 2
    assert current(store) == "glm-26 1.0.0 before None"
    told = capsys.readouterr().err.splitlines()
    for line, reason in zip(
        told,
        (
            "has no pointer, so there is nothing to roll back",
            "does not say what came before glm-26 1.0.0: name the version with --to",
            "9.9.9.json: no such file or directory",
            "the certificate is not reproduced",
            "exists with other bytes: a version is immutable",
            "3.0.0.json: no such file or directory",
        ),
        strict=True,
    ):
        assert reason in line


def test_a_dry_run_shows_what_would_move(
    built: Store, tmp_path: Path, stand_in: StandIn, capsys: pytest.CaptureFixture[str]
) -> None:
    store, rows = tmp_path / "store", str(stand_in.test)
    assert promote(built, store, "1.0.0", "--dry-run", rows) == 0
    said = capsys.readouterr().out
    assert (
        "nothing → glm-26 1.0.0; nothing was written\nthe store is empty, so there is nothing to compare with\n" in said
    )
    assert not store.exists()
    assert promote(built, store, "1.0.0") == 0
    assert promote(built, store, "1.1.0", "--dry-run", rows) == 0
    out = capsys.readouterr().out
    assert "glm-26 1.0.0 → glm-26 1.1.0; nothing was written\n10,000 rows: largest |Δphat| 6." in out
    assert current(store) == "glm-26 1.0.0 before None"


def test_signatures_go_with_their_file(built: Store, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    private, public = make_keys(tmp_path)
    path, store = built.path_of("1.1.0"), tmp_path / "store"
    assert main(["sign", str(path), "--key", str(private)]) == 0
    assert promote(built, store, "1.1.0") == 0
    assert "→ glm-26 1.1.0, signed\n" in capsys.readouterr().out
    signature = (store / "glm-26" / "1.1.0.json.sig").read_bytes()
    PublicKey(public).check(path.read_bytes(), signature, "here")
    assert main(["sign", str(path), "--key", str(public)]) == 2
    path.write_text("{}")
    assert main(["sign", str(path), "--key", str(private)]) == 2
    first, second = capsys.readouterr().err.splitlines()
    assert first.endswith("key.pub.pem: no private key in PEM")
    assert second.endswith("1.1.0.json: the key 'format' is missing")


def test_a_store_that_is_read_alone(built: Store, capsys: pytest.CaptureFixture[str]) -> None:
    for url, reason in (("ftp://host", "unknown scheme ftp"), ("http://127.0.0.1:1/x", "connection refused")):
        assert main(["promote", "glm-26", "1.0.0", "--from", str(built.path), "--store", url]) == 2
        assert reason in capsys.readouterr().err
