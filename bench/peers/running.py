"""Starts a peer, waits until it is ready, and stops it with all its processes."""

from __future__ import annotations

import http.client
import os
import signal
import socket
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from time import monotonic, sleep

from bench.peers.catalog import HOST, PYTHON, ROOT, Peer

START_SECONDS = 60.0
STOP_SECONDS = 15.0


class PeerError(Exception):
    """A peer did not start, or did not stop."""


@dataclass(frozen=True, slots=True)
class Server:
    """A peer that is ready, at HOST.

    Attributes:
        port: the port it listens on.
        pid: id of its first process.
    """

    port: int
    pid: int

    def processes(self) -> list[int]:
        """Ids of all its processes, the first one first. Its memory is the sum over them."""
        return _family(self.pid)


@contextmanager
def running(peer: Peer, model: Path, python: Path = PYTHON, poll_seconds: float = 0.1) -> Iterator[Server]:
    """Runs a peer on a free port.

    Args:
        peer: the peer to run.
        model: the coefficient file.
        python: the interpreter to run it on.
        poll_seconds: time between two polls of its readiness.

    Raises:
        PeerError: the environment is missing, or the peer does not become ready; with the end of its log.
    """
    if not python.exists():
        raise PeerError(f"{python} does not exist: python3 -m venv it, and install bench/peers/requirements.txt there")
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as directory, free_port() as port:
        log = Path(directory, "log")
        with log.open("wb") as output:
            process = subprocess.Popen(
                peer.argv(python),
                cwd=ROOT,
                env=peer.environment(model, port, Path(directory)),
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
            )
        try:
            _wait(peer, process, port, log, poll_seconds)
            yield Server(port, process.pid)
        finally:
            _stop(process)


@contextmanager
def free_port() -> Iterator[int]:
    """A port at HOST that nothing listens on, and that no other process is given until the block ends.

    It stays bound by a socket that does not listen. One that lets addresses be used again, as servers do, can listen
    there all the same, but the system gives the port to nobody who asks for any.
    """
    with closing(socket.socket()) as holder:
        holder.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        holder.bind((HOST, 0))
        yield holder.getsockname()[1]


def _wait(peer: Peer, process: subprocess.Popen[bytes], port: int, log: Path, poll_seconds: float) -> None:
    until = monotonic() + START_SECONDS
    while monotonic() < until and process.poll() is None:
        with suppress(OSError, http.client.HTTPException):
            if _status(port, peer.readiness) == peer.ready_status:
                return
        sleep(poll_seconds)
    ended = "ended" if process.poll() is not None else f"was not ready after {START_SECONDS:.0f} seconds"
    raise PeerError(f"peer {peer.key} ({peer.name}) {ended}:\n{log.read_text(errors='replace')[-4_000:]}")


def _status(port: int, path: str) -> int:
    with closing(http.client.HTTPConnection(HOST, port, timeout=5)) as connection:
        connection.request("GET", path)
        return connection.getresponse().status


def _stop(process: subprocess.Popen[bytes]) -> None:
    # Listed before the first one ends: LitServe leaves its children running, and BentoML's worker has its own session.
    family = _family(process.pid)
    process.terminate()
    try:
        process.wait(STOP_SECONDS)
    except subprocess.TimeoutExpired:
        process.kill()
    finally:
        for pid in family[1:]:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        process.wait()
    until = monotonic() + STOP_SECONDS
    while left := set(family[1:]) & _parents().keys():
        if monotonic() > until:
            raise PeerError(f"processes do not end: {sorted(left)}")
        sleep(0.02)


def _family(pid: int) -> list[int]:
    """A process and all its descendants."""
    parents = _parents()
    family = [pid]
    for member in family:  # grows during the loop
        family += [child for child, parent in parents.items() if parent == member]
    return family


def _parents() -> dict[int, int]:
    """The parent of every process that has not ended."""
    if parents := dict(_listed_by_linux()):
        return parents
    listed = subprocess.run(["ps", "-eo", "pid=,ppid=,stat="], capture_output=True, text=True, check=True).stdout
    lines = [line.split() for line in listed.splitlines()]
    return {int(pid): int(parent) for pid, parent, state in lines if not state.startswith("Z")}


def _listed_by_linux() -> Iterator[tuple[int, int]]:
    """As _parents, read from /proc: a small Debian has no ps."""
    for path in Path("/proc").glob("[0-9]*/stat"):
        with suppress(OSError):  # it has ended meanwhile
            state, parent = path.read_text().rpartition(")")[2].split()[:2]
            if state != "Z":
                yield int(path.parent.name), int(parent)
