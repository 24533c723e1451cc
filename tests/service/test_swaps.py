"""Versions change while requests come in: over real sockets, from real stores."""

from __future__ import annotations

import hashlib
import json
import signal
from collections.abc import Callable, Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from export import promote
from scorer.store.pointer import POINTER
from scorer.store.signing import PrivateKey
from tests.support.requests import Requests
from tests.support.servers import Answer, Server, running, wait_until
from tests.support.stores import StaticServer, Store, make_keys, s3, static_server

pytestmark = pytest.mark.long

SWAPS = 200
FAST = {"SCORER_REFRESH_SECONDS": "0.02", "SCORER_STORE_SECONDS": "0.5"}


@pytest.fixture
def static(store: Store) -> Iterator[StaticServer]:
    """The store, served by a static file server."""
    with static_server(store.path) as server:
        yield server


def get(server: Server, path: str) -> Answer:
    with server.client() as client:
        return client.send("GET", path)


def serving(server: Server) -> dict[str, Any]:
    report: dict[str, Any] = get(server, "/model").json()["serving"]
    return report


def version_of(server: Server) -> str:
    answer = get(server, "/readyz")
    return str(answer.json()["version"]) if answer.status == 200 else ""


def wait_for_version(server: Server, version: str) -> None:
    wait_until(lambda: version_of(server) == version, f"version {version}")


def test_200_swaps_under_load(store: Store, row: dict[str, Any]) -> None:
    with running("--model", str(store.path), environment=FAST, measured=False) as server:
        with Requests(server, store, row) as requests, server.client() as client:
            for number in range(1, SWAPS + 1):
                version = ("1.0.0", "1.1.0")[number % 2]
                store.point(version)
                wait_until(
                    lambda: client.send("GET", "/readyz").json()["version"] == version,  # noqa: B023 (called at once)
                    f"swap {number}",
                )
        history = get(server, "/model/history").json()["history"]
    assert requests.wrong == []
    assert set(requests.answered) == {"1.0.0", "1.1.0"}
    assert len(history) == 100
    assert [version["version"] for version in history[-2:]] == ["1.1.0", "1.0.0"]
    assert all(before["until"] == after["since"] for before, after in pairwise(history))


def missing_file(store: Store) -> None:
    store.path_of("1.1.0").unlink()
    store.point("1.1.0")


def truncated_file(store: Store) -> None:
    path = store.path_of("1.1.0")
    path.write_bytes(path.read_bytes()[:-1_000])
    store.point("1.1.0")


def rewritten(store: Store, change: Callable[[dict[str, Any]], None]) -> None:
    """A file that differs from 1.1.0, under a pointer with its right hash."""
    path = store.path_of("1.1.0")
    document = json.loads(path.read_bytes())
    change(document)
    data = json.dumps(document).encode()
    path.write_bytes(data)
    pointer = {"model": "glm-26", "version": "1.1.0", "sha256": hashlib.sha256(data).hexdigest()}
    store.write(POINTER, json.dumps(pointer).encode())


def broken_schema(store: Store) -> None:
    rewritten(store, lambda document: document.update(intercept="0"))


def wrong_certificate(store: Store) -> None:
    rewritten(store, lambda document: document["terms"][0].update(coefficient=0.5))


def half_a_pointer(store: Store) -> None:
    store.write(POINTER, store.pointer("1.1.0").to_bytes()[:30])


FAULTS: list[tuple[Callable[[Store], None], str]] = [
    (missing_file, "1.1.0.json: answered 404"),
    (truncated_file, "and current.json promises"),
    (broken_schema, "$.intercept: expected a number, found text"),
    (wrong_certificate, "the certificate is not reproduced"),
    (half_a_pointer, "current.json: not JSON"),
]


@pytest.mark.parametrize(("break_it", "reason"), FAULTS, ids=[fault.__name__ for fault, _ in FAULTS])
def test_a_bad_upload_leaves_predictions_untouched_and_is_reported(
    break_it: Callable[[Store], None], reason: str, store: Store, static: StaticServer, row: dict[str, Any]
) -> None:
    with running("--model", static.url, environment=FAST) as server:
        wait_for_version(server, "1.0.0")
        with Requests(server, store, row) as requests:
            break_it(store)
            report = wait_until(lambda: (report := serving(server))["failures"] >= 3 and report, "failures")
            assert reason in report["last_failure"]["reason"]
            assert (report["failing"], report["current"]["version"]) == (True, "1.0.0")
            assert get(server, "/readyz").status == 200
            store.point("1.2.0")
            wait_for_version(server, "1.2.0")
            report = wait_until(lambda: not (report := serving(server))["failing"] and report, "the end of the failure")
            assert report["previous"]["version"] == "1.0.0"
            wait_until(lambda: requests.wrong or requests.answered["1.2.0"], "an answer of 1.2.0")
    assert requests.wrong == []
    assert set(requests.answered) == {"1.0.0", "1.2.0"}
    told = [line for line in server.output if "trying again" in line and reason in line]
    assert len(told) == 1, "a failure is logged once"


def test_a_store_that_stops_or_hangs_leaves_predictions_untouched(
    store: Store, static: StaticServer, row: dict[str, Any]
) -> None:
    with running("--model", static.url, environment=FAST) as server:
        wait_for_version(server, "1.0.0")
        with Requests(server, store, row) as requests:
            static.stop()
            server.wait_for_line("trying again: .*connection refused")
            static.hang()
            server.wait_for_line("trying again: .*no answer in time")
            before = requests.answered.total()
            wait_until(lambda: requests.answered.total() > before + 100, "answers while the store hangs")
            static.stop()
            store.point("1.1.0")
            static.start()
            wait_for_version(server, "1.1.0")
    assert requests.wrong == []


def test_signed_versions(store: Store, tmp_path: Path, row: dict[str, Any]) -> None:
    private, public = make_keys(tmp_path)
    other, _ = make_keys(tmp_path, "other")
    signer, stranger = PrivateKey(private), PrivateKey(other)
    for version, key in (("1.0.0", signer), ("1.1.0", stranger), ("1.2.0", signer)):
        store.write(f"{store.pointer(version).key}.sig", key.sign(store.path_of(version).read_bytes()))
    environment = {**FAST, "SCORER_PUBLIC_KEY": str(public)}
    with (
        running("--model", str(store.path), environment=environment) as server,
        Requests(server, store, row) as requests,
    ):
        store.point("1.1.0")
        server.wait_for_line("trying again: .*its signature does not match this file and the public key")
        Path(f"{store.path_of('1.1.0')}.sig").unlink()
        server.wait_for_line("trying again: .*it is not signed")
        assert (version_of(server), serving(server)["signed"]) == ("1.0.0", True)
        store.point("1.2.0")
        wait_for_version(server, "1.2.0")
    assert requests.wrong == []


def test_a_pointer_that_goes_back_and_forth_quickly(store: Store, row: dict[str, Any]) -> None:
    with running("--model", str(store.path), environment=FAST, measured=False) as server:
        with Requests(server, store, row) as requests:
            for number in range(300):
                store.write(POINTER, store.pointer(("1.1.0", "1.2.0")[number % 2]).to_bytes())
        wait_for_version(server, "1.2.0")
        assert serving(server)["failures"] == 0
    assert requests.wrong == []


def test_a_store_that_is_started_anew_with_another_model_reaches_both_workers(
    store: Store, static: StaticServer, row: dict[str, Any]
) -> None:
    with running("--model", static.url, "--workers", "2", environment={"SCORER_REFRESH_SECONDS": "1"}) as server:
        server.wait_for_reports(2, lambda report: report["current"]["version"] == "1.0.0", "1.0.0 in both")
        with Requests(server, store, row) as requests:
            static.stop()
            store.point("1.1.0")
            server.wait_for_reports(2, lambda report: report["failing"], "both to notice")
            static.start()
            server.wait_for_reports(2, lambda report: report["current"]["version"] == "1.1.0", "1.1.0 in both")
    assert requests.wrong == []


def test_sighup_looks_at_once_in_every_worker(store: Store) -> None:
    environment = {"SCORER_REFRESH_SECONDS": "3600"}
    for workers in (1, 2):
        store.point("1.0.0")
        with running("--model", str(store.path), "--workers", str(workers), environment=environment) as server:
            server.wait_for_reports(workers, lambda report: report["current"]["version"] == "1.0.0", "the start")
            pids = set(server.reports(workers))
            store.point("1.1.0")
            server.process.send_signal(signal.SIGHUP)
            server.wait_for_reports(workers, lambda report: report["current"]["version"] == "1.1.0", "SIGHUP")
            assert set(server.reports(workers)) == pids, "no worker was started anew"


@pytest.mark.usefixtures("store")
def test_a_start_without_the_store_and_without_a_cache_waits(static: StaticServer) -> None:
    static.stop()
    with running("--model", static.url, environment=FAST) as server:
        assert server.announced.startswith(f"waiting for the model of {static.url}, listening at http://127.0.0.1:")
        server.wait_for_line("no model yet, trying again: .*connection refused")
        with server.client() as client:
            assert [client.send("GET", path).status for path in ("/livez", "/readyz")] == [200, 503]
            assert client.predict({"x5": "monday"}).status == 503
            static.start()
            wait_until(lambda: client.send("GET", "/readyz").status == 200, "readiness by itself")
        server.wait_for_line("INFO: .*serving glm-26 1.0.0")


def test_a_start_without_the_store_is_served_from_the_cache(store: Store, static: StaticServer, tmp_path: Path) -> None:
    environment = {**FAST, "SCORER_CACHE_DIR": str(tmp_path / "cache")}
    with running("--model", static.url, environment=environment) as server:
        wait_for_version(server, "1.0.0")
    static.stop()
    store.point("1.1.0")
    for workers in (1, 2):
        with running("--model", static.url, "--workers", str(workers), environment=environment) as server:
            server.wait_for_line("serving glm-26 1.0.0 from the cache, trying again: .*connection refused")
            server.wait_for_reports(workers, lambda report: "cache" in report["current"]["source"], "the cache")
    static.start()
    with running("--model", static.url, environment=environment) as server:
        wait_for_version(server, "1.1.0")


def test_a_directory_that_is_not_there_yet(store: Store, tmp_path: Path) -> None:
    with running("--model", str(tmp_path / "mount"), environment=FAST) as server:
        assert server.announced.startswith("waiting for the model of ")
        server.wait_for_line("no model yet, trying again: .*current.json: no such file or directory")
        store.path.rename(tmp_path / "mount")
        wait_until(lambda: get(server, "/readyz").status == 200, "the mount")


def test_s3_from_promotion_to_rollback(store: Store) -> None:
    with s3("models") as environment, pytest.MonkeyPatch.context() as patch:
        for name, value in environment.items():
            patch.setenv(name, value)
        url = "s3://models/approved"
        with running("--model", url, environment={**FAST, "SCORER_STORE_SECONDS": "5"}) as server:
            server.wait_for_line("no model yet, trying again: s3://models/approved/current.json: no such object")
            bucket = promote.Store(url)
            for version in ("1.0.0", "1.1.0"):
                bucket.promote(promote.candidate(store.path, "glm-26", version))
                wait_for_version(server, version)
            bucket.rollback()
            wait_for_version(server, "1.0.0")
            assert serving(server)["source"] == url


def test_a_model_of_another_shape_swaps_in_just_as_well(store: Store, small: dict[str, Any]) -> None:
    path = store.path / "small" / "0.1.0.json"
    path.parent.mkdir()
    path.write_text(json.dumps(small))
    new = promote.candidate(store.path, "small", "0.1.0")
    with running("--model", str(store.path), environment=FAST) as server, server.client() as client:
        assert "x12" in client.predict({"x5": "monday"}).json()[0]
        promote.Store(str(store.path)).promote(new)
        wait_for_version(server, "0.1.0")
        answer = client.predict({"colour": "bright green"})
        assert answer.json() == new.scorer.score({"colour": "bright green"}).to_rows()
        assert (answer.headers["x-model-name"], client.send("GET", "/openapi.json").json()["info"]["title"]) == (
            "small",
            "small 0.1.0",
        )


@pytest.mark.parametrize("with_hash", [False, True])
def test_pins(store: Store, with_hash: bool) -> None:
    digest = f"@sha256:{store.pointer('1.1.0').sha256}" if with_hash else ""
    environment = {**FAST, "SCORER_VERSION": f"1.1.0{digest}"}
    with running("--model", str(store.path), environment=environment) as server:
        report = serving(server)
        assert (report["current"]["version"], report["pinned"]) == ("1.1.0", True)
        looked = report["looked"]
        store.point("1.2.0")
        wait_until(lambda: serving(server)["looked"] > looked, "another look")
        assert version_of(server) == "1.1.0"
