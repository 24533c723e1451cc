"""nginx with the configuration of deploy/proxy/, in front of servers on this machine."""

from __future__ import annotations

import os
import re
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from bench.peers.catalog import HOST, ROOT
from bench.peers.running import START_SECONDS, STOP_SECONDS, PeerError, Server, free_port

CONFIG, UPSTREAM = (ROOT / "deploy" / "proxy" / name for name in ("nginx.conf", "upstream.conf"))


def find() -> str | None:
    """Where nginx is; it is often one of the administrator's programs."""
    return shutil.which("nginx") or shutil.which("nginx", path="/usr/sbin")


@contextmanager
def proxy(program: str, instances: Sequence[int]) -> Iterator[Server]:
    """Runs nginx on a free port.

    Args:
        program: where nginx is.
        instances: the ports of the servers, at HOST.

    Raises:
        PeerError: it does not start, or does not stop.
    """
    with tempfile.TemporaryDirectory() as directory, free_port() as port:
        config = configure(Path(directory), port, instances)
        user = "user root;" if os.geteuid() == 0 else ""  # workers of another user could not enter the directory
        main = f"daemon off; pid {directory}/pid; {user}"
        with Path(directory, "log").open("w+") as log:
            command = [program, "-p", f"{directory}/", "-c", str(config), "-e", "stderr", "-g", main]
            process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=log)
            try:
                _wait(process, port, Path(log.name))
                yield Server(port, process.pid)
            finally:
                process.terminate()
                process.wait(STOP_SECONDS)


def configure(directory: Path, port: int, instances: Sequence[int]) -> Path:
    """Writes the committed files with other ports and directories. Returns the path of the main one."""
    servers = "".join(f"server {HOST}:{instance} max_fails=0;" for instance in instances)
    scratch = "".join(f"{kind}_temp_path {kind};" for kind in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi"))
    upstream = _replaced(r"(?s)\n    server .*max_fails=0;\n\n", f"\n{servers}\n\n", UPSTREAM.read_text())
    (directory / UPSTREAM.name).write_text(upstream + scratch)
    config = directory / CONFIG.name
    config.write_text(_replaced(r"listen 8080;", f"listen {HOST}:{port};", CONFIG.read_text()))
    return config


def _replaced(pattern: str, new: str, text: str) -> str:
    result, times = re.subn(pattern, new, text)
    if times != 1:
        raise PeerError(f"nginx's configuration has {times} matches of {pattern}")
    return result


def _wait(process: subprocess.Popen[bytes], port: int, log: Path) -> None:
    until = time.monotonic() + START_SECONDS
    while time.monotonic() < until and process.poll() is None:
        with socket.socket() as client:
            if client.connect_ex((HOST, port)) == 0:
                return
        time.sleep(0.02)
    raise PeerError(f"nginx did not start:\n{log.read_text()}")
