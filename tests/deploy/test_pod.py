"""A server with the settings of the Kubernetes manifests, treated as a cluster would treat it."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

import scorer
from scorer.service import keys
from tests.support.manifests import needs_kubectl, render
from tests.support.paths import ROOT
from tests.support.servers import Client, Server, free_port, running, wait_until

pytestmark = needs_kubectl


def settings(directory: str, **others: str) -> dict[str, str]:
    """Those of a kustomization, with the admin port on a free one; what is given goes before them."""
    return {**render(directory).settings, "SCORER_ADMIN_PORT": str(free_port()), **others}


@pytest.fixture
def pod() -> Iterator[tuple[Server, int]]:
    """A server with the settings of the base, but for a shorter drain; and its admin port."""
    environment = settings("base", SCORER_DRAIN_SECONDS="1")
    with running(environment=environment) as server:
        yield server, int(environment["SCORER_ADMIN_PORT"])


def test_probes_and_scrapes_are_answered_where_callers_do_not_reach(
    pod: tuple[Server, int], row: dict[str, Any], model: scorer.Scorer
) -> None:
    server, admin = pod
    container = render("base").container
    paths = [container[f"{name}Probe"]["httpGet"]["path"] for name in ("startup", "liveness", "readiness")]
    with server.client() as caller, closing(Client(admin)) as kubelet:
        assert caller.predict(row).json() == model.score(row).to_rows()
        assert [kubelet.send("GET", path).status for path in [*paths, "/metrics"]] == [200] * 4
        assert [caller.send("GET", path).status for path in [*paths, "/metrics"]] == [404] * 4
        assert kubelet.predict(row).status == 404


def test_a_pod_that_is_taken_away_is_not_ready_and_answers_until_it_ends(
    pod: tuple[Server, int], row: dict[str, Any]
) -> None:
    server, admin = pod
    with server.client() as caller, closing(Client(admin)) as kubelet:
        assert kubelet.send("GET", "/readyz").status == 200
        server.process.send_signal(signal.SIGTERM)
        wait_until(lambda: kubelet.send("GET", "/readyz").status == 503, "not ready")
        assert kubelet.send("GET", "/livez").status == 200
        assert caller.predict(row).status == 200
        with server.client() as late:  # a proxy that has not heard of it yet
            assert late.predict(row).status == 200
    assert server.process.wait(render("base").pod["spec"]["terminationGracePeriodSeconds"]) == 0


def mount(directory: Path, revision: str, line: str) -> None:
    """Puts a file where a container finds a Secret, as the kubelet does: a folder a revision, swapped by a link."""
    (directory / revision).mkdir(parents=True)
    (directory / revision / "api-keys").write_text(line + "\n")
    (directory / "new").symlink_to(revision)
    (directory / "new").replace(directory / "..data")
    if not (directory / "api-keys").is_symlink():
        (directory / "api-keys").symlink_to("..data/api-keys")


def test_keys_of_a_secret_that_changes(tmp_path: Path, row: dict[str, Any]) -> None:
    first, second = keys.new_key(), keys.new_key()
    mount(tmp_path, "..1", keys.file_line("first", first))
    environment = settings(
        "overlays/production",
        SCORER_MODEL=str(ROOT / "coefficients"),
        SCORER_CACHE_DIR=str(tmp_path / "cache"),
        SCORER_API_KEYS_FILE=str(tmp_path / "api-keys"),
        SCORER_DRAIN_SECONDS="0",
    )
    with running(environment=environment) as server, server.client() as caller:

        def status(key: str) -> int:
            return caller.send("POST", "/predict", row, {"authorization": f"Bearer {key}"}).status

        assert (status(first), status(second)) == (200, 401)
        mount(tmp_path, "..2", keys.file_line("second", second))
        wait_until(lambda: (status(first), status(second)) == (401, 200), "the new keys")
