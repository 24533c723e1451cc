"""Who may call: API keys, and a port of its own for probes."""

from __future__ import annotations

import logging
from pathlib import Path

import pytest

from scorer.__main__ import main
from scorer.errors import SettingError, UnauthorizedError
from scorer.service import keys
from scorer.service.keys import APIKeys
from tests.support.servers import Client, Server, free_port, running, wait_until

GUARDED = (("POST", "/predict"), ("GET", "/model"), ("GET", "/model/history"), ("GET", "/openapi.json"), ("GET", "/no"))


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "keys"
    path.write_text(f"# who may call\n\n{keys.file_line('ann', 'first')}\n  {keys.file_line('bob', 'second')}\n")
    return path


def test_known_keys_alone(file: Path) -> None:
    known = APIKeys(file)
    for key in (b"Bearer first", b"bearer second", b"Bearer  first "):
        known.require(key)
    for key in (b"", b"first", b"Bearer", b"Bearer ", b"Bearer third", b"Basic first", b"Bearer \xff"):
        with pytest.raises(UnauthorizedError):
            known.require(key)


def test_the_file_is_read_anew(file: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> None:
    monkeypatch.setattr(keys, "POLL_SECONDS", -1.0)
    known = APIKeys(file)
    file.write_text(keys.file_line("ann", "third"))
    known.require(b"Bearer third")
    with pytest.raises(UnauthorizedError):
        known.require(b"Bearer first")
    with caplog.at_level(logging.WARNING):
        file.write_text("ann third")
        known.require(b"Bearer third")
        known.require(b"Bearer third")
        file.unlink()
        known.require(b"Bearer third")
    first, second = [record.getMessage() for record in caplog.records]
    assert "line 1: expected a name and the SHA-256 of a key in hex" in first
    assert "no such file" in second
    assert "third" not in first


def test_a_broken_file_stays_broken_until_it_is_mended(
    file: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(keys, "POLL_SECONDS", -1.0)
    caplog.set_level(logging.INFO)
    known = APIKeys(file)
    for text, key in (("ann", "first"), ("ann no-hash", "first"), (keys.file_line("ann", "third"), "third")):
        file.write_text(text)
        for _ in range(3):
            known.require(f"Bearer {key}".encode())
    assert [record.getMessage() for record in caplog.records] == [
        "keeping the known API keys: SCORER_API_KEYS_FILE: line 1: expected a name and the SHA-256 of a key in hex",
        "SCORER_API_KEYS_FILE is fine again",
    ]


def test_files_that_are_none(tmp_path: Path) -> None:
    with pytest.raises(SettingError, match="no such file"):
        APIKeys(tmp_path / "none")
    (tmp_path / "bad").write_bytes(b"\xff\xfe")
    with pytest.raises(SettingError, match="line 1: expected"):
        APIKeys(tmp_path / "bad")


def test_the_command_makes_a_key_that_works(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["key", "ann"]) == 0
    line, told = capsys.readouterr().out.splitlines()
    key = told.rpartition(" ")[2]
    (tmp_path / "keys").write_text(line)
    APIKeys(tmp_path / "keys").require(f"Bearer {key}".encode())
    assert len(key) >= 43
    assert key not in line
    assert main(["key", "two words"]) == 2


def statuses(client: Client, headers: dict[str, str]) -> list[int]:
    return [
        client.send(method, path, {"x5": "monday"} if method == "POST" else None, headers).status
        for method, path in GUARDED
    ]


def test_a_server_with_keys(file: Path) -> None:
    with running(environment={"SCORER_API_KEYS_FILE": str(file)}) as server, server.client() as client:
        assert statuses(client, {"authorization": "Bearer first"}) == [200, 200, 200, 200, 404]
        assert statuses(client, {"authorization": "Bearer wrong"}) == [401] * 5
        refused = client.predict({"x5": "monday"})
        assert (refused.status, refused.headers["www-authenticate"]) == (401, "Bearer")
        assert refused.json()["type"] == "urn:coefficient-scorer:problem:unauthorized"
        assert client.send("GET", "/readyz").status == 200
        file.write_text(keys.file_line("ann", "third"))
        wait_until(lambda: statuses(client, {"authorization": "Bearer third"})[0] == 200, "the new key")
        assert statuses(client, {"authorization": "Bearer first"}) == [401] * 5
    assert not any("first" in line or "third" in line for line in server.output)


def test_a_port_for_probes_alone(file: Path) -> None:
    port = free_port()
    environment = {"SCORER_ADMIN_PORT": str(port), "SCORER_API_KEYS_FILE": str(file)}
    headers = {"authorization": "Bearer first"}
    for workers in ("1", "2"):
        with running("--workers", workers, environment=environment) as server:
            admin = Server(server.process, port, "")
            with server.client() as client, admin.client() as probe:
                assert [client.send("GET", path).status for path in ("/livez", "/readyz")] == [404, 404]
                assert [probe.send("GET", path).status for path in ("/livez", "/readyz")] == [200, 200]
                assert statuses(probe, headers) == [404] * 5
                assert statuses(client, headers)[:2] == [200, 200]


@pytest.mark.parametrize("workers", ["1", "2"])
def test_a_file_of_keys_that_is_none_stops_the_start(workers: str, tmp_path: Path) -> None:
    environment = {"SCORER_API_KEYS_FILE": str(tmp_path / "none")}
    with (
        pytest.raises(AssertionError, match=r"start: scorer: SCORER_API_KEYS_FILE: \S+none: no such file"),
        running("--workers", workers, environment=environment),
    ):
        pass


def test_an_admin_port_that_is_taken(server: Server) -> None:
    with (
        pytest.raises(AssertionError, match="SCORER_ADMIN_PORT: cannot listen on"),
        running(environment={"SCORER_ADMIN_PORT": str(server.port)}),
    ):
        pass
