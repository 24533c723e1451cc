from __future__ import annotations

import json
from pathlib import Path

import pytest

from scorer import errors
from scorer.store.cache import LastGood
from scorer.store.pointer import POINTER
from scorer.store.signing import PrivateKey, PublicKey
from scorer.store.sources import Loaded, OneFile, PollResult, Source, Versions
from tests.support.stores import Store, make_keys


def poll(source: Source) -> Loaded:
    loaded = source.poll().loaded
    assert loaded is not None
    return loaded


def test_the_pointer_decides(store: Store) -> None:
    source = Versions(store.storage)
    first = source.poll()
    assert first.loaded is not None
    assert first.loaded.scorer.file.version == "1.0.0"
    sha256 = first.loaded.scorer.file.sha256
    assert source.poll(first.etag, sha256) == PollResult(first.etag, None)
    store.point("1.0.0")  # written anew, and names the same
    again = source.poll(first.etag, sha256)
    assert again.loaded is None
    assert again.etag != first.etag
    store.point("1.1.0")
    swapped = source.poll(again.etag, sha256).loaded
    assert swapped is not None
    assert swapped.pointer == store.pointer("1.1.0")


@pytest.mark.parametrize("pin", ["1.1.0", "glm-26/1.1.0"])
def test_a_pinned_version_stays(store: Store, pin: str) -> None:
    source = Versions(store.storage, pin)
    first = source.poll()
    assert first.loaded is not None
    assert first.loaded.pointer == store.pointer("1.1.0")
    store.point("1.2.0")
    assert source.poll(first.etag, first.loaded.scorer.file.sha256).loaded is None
    store.path_of("1.1.0").touch()
    assert source.poll(first.etag, first.loaded.scorer.file.sha256).loaded is None


def test_a_pin_with_a_model_needs_no_pointer(store: Store) -> None:
    (store.path / POINTER).unlink()
    assert poll(Versions(store.storage, "glm-26/1.2.0")).pointer == store.pointer("1.2.0")
    with pytest.raises(errors.MissingFileError, match=r"current\.json"):
        Versions(store.storage, "1.2.0").poll()


def test_a_single_file(store: Store) -> None:
    source = OneFile(store.storage, "glm-26/1.0.0.json")
    first = source.poll()
    assert first.loaded is not None
    assert source.poll(first.etag) == PollResult(first.etag, None)
    store.path_of("1.0.0").touch()
    assert source.poll(first.etag, first.loaded.scorer.file.sha256).loaded is None
    store.path_of("1.0.0").write_bytes(store.path_of("1.1.0").read_bytes())
    changed = source.poll(first.etag, first.loaded.scorer.file.sha256).loaded
    assert changed is not None
    assert changed.pointer == store.pointer("1.1.0")


def test_a_file_in_the_place_of_another(store: Store) -> None:
    store.path_of("1.0.0").write_bytes(store.path_of("1.1.0").read_bytes())
    with pytest.raises(errors.WrongHashError, match=r"it is glm-26 1\.1\.0, where glm-26 1\.0\.0 should be"):
        Versions(store.storage, "1.0.0").poll()


def test_signatures(store: Store, tmp_path: Path) -> None:
    private, public = make_keys(tmp_path)
    _, other = make_keys(tmp_path, "other")
    source = Versions(store.storage, verifier=PublicKey(public))
    with pytest.raises(errors.SignatureError, match=r"it is not signed: there is no glm-26/1\.0\.0\.json\.sig"):
        source.poll()
    path = store.path_of("1.0.0")
    store.write("glm-26/1.0.0.json.sig", PrivateKey(private).sign(path.read_bytes()))
    assert poll(source).signature == Path(f"{path}.sig").read_bytes()
    assert poll(OneFile(store.storage, "glm-26/1.0.0.json", PublicKey(public))).pointer == store.pointer("1.0.0")
    with pytest.raises(errors.SignatureError):
        Versions(store.storage, verifier=PublicKey(other)).poll()
    path.write_bytes(path.read_bytes() + b"\n")
    with pytest.raises(errors.SignatureError):
        Versions(store.storage, "1.0.0", PublicKey(public)).poll()


def test_the_last_good_model_is_verified_like_one_of_a_store(store: Store, tmp_path: Path) -> None:
    private, public = make_keys(tmp_path)
    key = PublicKey(public)
    cache = LastGood(tmp_path / "cache", "s3://models", verifier=key)
    with pytest.raises(errors.MissingFileError):
        cache.load()
    store.write("glm-26/1.0.0.json.sig", PrivateKey(private).sign(store.path_of("1.0.0").read_bytes()))
    loaded = poll(Versions(store.storage, verifier=key))
    cache.save(loaded)
    assert cache.load().scorer.file == loaded.scorer.file
    for other in (
        LastGood(tmp_path / "cache", "s3://others", verifier=key),
        LastGood(tmp_path / "cache", "s3://models", "1.1.0", key),
    ):
        with pytest.raises(errors.MissingFileError):
            other.load()
    cached = Path(cache.name, "glm-26", "1.0.0.json")
    document = json.loads(cached.read_bytes())
    cached.write_text(json.dumps(document))
    with pytest.raises(errors.WrongHashError):
        cache.load()
    (tmp_path / "file").write_text("")
    with pytest.raises(errors.StoreError):
        LastGood(tmp_path / "file", "s3://models").save(loaded)


@pytest.mark.parametrize("prefix", ["", "glm-26/"])
def test_a_pinned_version_may_carry_its_hash(store: Store, prefix: str) -> None:
    good, other = store.pointer("1.1.0").sha256, store.pointer("1.2.0").sha256
    source = Versions(store.storage, f"{prefix}1.1.0@sha256:{good}")
    assert poll(source).pointer == store.pointer("1.1.0")
    with pytest.raises(errors.WrongHashError, match=f"its SHA-256 is {good}, and the pinned one is {other}"):
        Versions(store.storage, f"{prefix}1.1.0@sha256:{other}").poll()
    store.path_of("1.1.0").write_bytes(store.path_of("1.1.0").read_bytes() + b"\n")  # the same model, other bytes
    with pytest.raises(errors.WrongHashError):
        source.poll("an old etag", good)


def test_a_cached_file_is_held_to_the_pinned_hash(store: Store, tmp_path: Path) -> None:
    pin = f"1.1.0@sha256:{store.pointer('1.1.0').sha256}"
    cache = LastGood(tmp_path / "cache", "a store", pin)
    cache.save(Versions(store.storage, "1.2.0").poll().loaded or pytest.fail("nothing loaded"))
    with pytest.raises(errors.MissingFileError):
        cache.load()
    cache.save(Versions(store.storage, pin).poll().loaded or pytest.fail("nothing loaded"))
    assert cache.load().pointer == store.pointer("1.1.0")
    cached = Path(cache.name, "glm-26", "1.1.0.json")
    cached.write_bytes(cached.read_bytes() + b"\n")
    with pytest.raises(errors.WrongHashError):
        cache.load()
