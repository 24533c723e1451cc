"""python -m scorer check: the problems that serve would have, found without serving."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from scorer.__main__ import main
from tests.support.servers import Server


def test_check(server: Server, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: Any) -> None:
    monkeypatch.setenv("SCORER_PORT", str(server.port))
    monkeypatch.setenv("SCORER_ADMIN_PORT", "0")
    monkeypatch.setenv("SCORER_CACHE_DIR", str(tmp_path / "cache"))
    monkeypatch.setenv("SCORER_SHADOW_VERSION", "1.0.0")
    assert main(["check"]) == 2
    out, err = capsys.readouterr()
    lines = out.splitlines()
    taken = f"port {server.port}"
    reason = f"cannot listen on 127.0.0.1:{server.port}: address already in use; choose another with --port"
    assert lines == [
        "settings: ok",
        "store and model: ok",
        f"{taken}: SCORER_PORT: {reason}",
        f"cache_dir {tmp_path}/cache: ok",
    ]
    assert err == f"scorer: 1 of 4 checks failed: {taken}\n"
    monkeypatch.setenv("SCORER_PORT", "1")
    monkeypatch.setenv("SCORER_API_KEYS_FILE", "none")
    assert main(["check", "--model", str(tmp_path)]) == 2
    out = capsys.readouterr().out
    assert "current.json: no such file or directory\n" in out
    assert "API keys: SCORER_API_KEYS_FILE: none: no such file or directory\n" in out
    monkeypatch.setenv("SCORER_PORT", "none")
    assert main(["check"]) == 2
    assert capsys.readouterr().out == "settings: SCORER_PORT: expected a whole number, at least 0 and at most 65,535\n"


@pytest.mark.parametrize("host", ["no-such-host.invalid", "a" * 64, "192.0.2.1"])
def test_check_says_of_a_host_what_serve_says(
    host: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SCORER_PORT", "1")
    monkeypatch.setenv("SCORER_HOST", host)
    assert main(["serve"]) == 2
    said = capsys.readouterr().err.removeprefix("scorer: ")
    assert said.startswith((f"SCORER_HOST: {host!r} does not resolve: ", f"SCORER_PORT: cannot listen on {host}:1: "))
    assert main(["check"]) == 2
    assert f"port 1: {said}" in capsys.readouterr().out
