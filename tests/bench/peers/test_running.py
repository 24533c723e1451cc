"""A peer that does not start is told with its log, and no process of any is left running."""

from __future__ import annotations

from pathlib import Path

import pytest

from bench import contenders
from bench.peers import running
from bench.peers.catalog import PEERS, PYTHON, ROOT, Peer
from bench.peers.check import MODEL
from tests.support.servers import answers

PARENT = """
import http.server, os, signal, subprocess, sys
if "stubborn" in sys.argv: signal.signal(signal.SIGTERM, signal.SIG_IGN)
child = subprocess.Popen([sys.executable, "-c", "import sys; sys.stdin.read()"], stdin=subprocess.PIPE)

class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200 if self.path == "/health" else 404)
        self.end_headers()

http.server.HTTPServer(("127.0.0.1", int(os.environ["PEER_PORT"])), Handler).serve_forever()
"""


def runs(pid: int) -> bool:
    """Whether a process has not ended. One that nobody has waited for yet is still listed, as a zombie."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


@pytest.mark.usefixtures("unmeasured")
@pytest.mark.parametrize("mood", ["willing", "stubborn"])
def test_a_peer_and_its_children_are_ended(mood: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(running, "STOP_SECONDS", 30.0 if mood == "willing" else 0.2)
    peer = Peer("p", "some", ("-c", PARENT, mood), readiness="/health")
    with running.running(peer, MODEL, contenders.OWN, poll_seconds=0.01) as server:
        assert answers(server.port, "/health")
        processes = server.processes()
        assert len(processes) == 2
        assert processes[0] == server.pid
    assert not any(map(runs, processes))
    assert not answers(server.port, "/health")


@pytest.mark.usefixtures("unmeasured")
def test_a_peer_that_is_never_ready(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(running, "START_SECONDS", 0.3)
    peer = Peer("p", "some", ("-c", PARENT), readiness="/ready")
    with (
        pytest.raises(running.PeerError, match=r"peer p \(some\) was not ready after 0 seconds"),
        running.running(peer, MODEL, contenders.OWN, poll_seconds=0.01),
    ):
        pass


def test_a_peer_that_ends_shows_its_log() -> None:
    peer = Peer("p", "some", ("-c", "raise SystemExit('a setting is missing')"))
    with (
        pytest.raises(running.PeerError, match=r"peer p \(some\) ended:\na setting is missing"),
        running.running(peer, MODEL, contenders.OWN, poll_seconds=0.01),
    ):
        pass


def test_an_environment_that_is_not_installed(tmp_path: Path) -> None:
    with (
        pytest.raises(running.PeerError, match=r"python does not exist: .*bench/peers/requirements\.txt"),
        running.running(PEERS[0], MODEL, tmp_path / "python"),
    ):
        pass


def test_a_peer_gets_the_model_the_port_and_a_directory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KEPT", "yes")
    found = PEERS[3].environment(MODEL, 1234, tmp_path)
    assert (found["PEER_MODEL"], found["PEER_PORT"], found["KEPT"]) == (str(MODEL), "1234", "yes")
    assert found["BENTOML_HOME"] == found["TMPDIR"] == str(tmp_path)
    assert PEERS[3].argv()[:2] == [str(PYTHON), "-m"]


def test_the_scorer_starts_without_settings_of_this_process(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SCORER_API_KEYS_FILE", "some")
    found = contenders.TWO_WORKERS.environment(MODEL, 1234, tmp_path)
    assert "SCORER_API_KEYS_FILE" not in found
    assert (found["SCORER_PORT"], found["SCORER_WORKERS"], found["SCORER_MODEL"]) == ("1234", "2", str(MODEL))


def test_peers_run_in_their_own_environment() -> None:
    assert {contenders.python_of(peer) for peer in PEERS} == {PYTHON}
    assert contenders.python_of(contenders.SCORER) == contenders.python_of(contenders.FLOOR) == contenders.OWN
    assert all((ROOT / "bench" / "peers" / f"{name}.py").exists() for name in _modules())


def _modules() -> list[str]:
    return [part.rpartition(".")[2].partition(":")[0] for peer in PEERS for part in peer.arguments if "bench." in part]
