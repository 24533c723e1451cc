"""What the service relies on inside uvicorn, beside its documented interface.

In scorer/service/, http_protocol.py, http_refusals.py, server.py, supervisor.py and receiver.py override parts of
uvicorn that another version may change without notice. A test here that fails after an update says which place to
compare with uvicorn's new source, before the pin in pyproject.toml is raised.
"""

from __future__ import annotations

import asyncio
import hashlib
import inspect
import socket
import tomllib
from collections import deque
from collections.abc import Callable, Iterator
from importlib.metadata import version
from pathlib import Path
from typing import Any

import httptools
import pytest
from packaging.requirements import Requirement
from uvicorn.config import STARTUP_FAILURE, Config
from uvicorn.protocols.http import flow_control
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol, RequestResponseCycle
from uvicorn.server import Server, ServerState
from uvicorn.supervisors import Multiprocess
from uvicorn.supervisors.multiprocess import Process

PROTOCOL = "compare scorer/service/http_protocol.py and http_refusals.py with uvicorn/protocols/http/httptools_impl.py"
SERVER = (
    "compare scorer/service/server.py, supervisor.py and receiver.py with uvicorn/server.py and "
    "uvicorn/supervisors/multiprocess.py"
)

REPLACED: dict[Callable[..., Any], str] = {
    HttpToolsProtocol.data_received: "010a7ae59a5d3b1a",
    HttpToolsProtocol.on_message_begin: "96d377fdc7c2baef",
    HttpToolsProtocol.on_header: "65d62c044f61fdbd",
    HttpToolsProtocol.on_headers_complete: "1ea8589acfad92d8",
    HttpToolsProtocol.on_body: "dba9c32aeba35b6a",
    HttpToolsProtocol.on_message_complete: "1fbad42dc31fc01f",
    HttpToolsProtocol.on_response_complete: "64e254f28e389e76",
    RequestResponseCycle.receive: "8124ae006be71184",
    RequestResponseCycle.send: "abdd8601b326a8da",
    Multiprocess.handle_hup: "c6701178f72d4d79",
}
"""Methods that are replaced, without a call of uvicorn's own for some or all of what they do, and what the SHA-256 of
the source that was read begins with."""

CALLED: dict[Callable[..., Any], list[str]] = {
    HttpToolsProtocol.__init__: ["config", "server_state", "app_state", "_loop"],
    HttpToolsProtocol.connection_made: ["transport"],
    HttpToolsProtocol._start_asgi_task: ["cycle", "app"],
    RequestResponseCycle.__init__: [
        *("scope", "transport", "flow", "logger", "access_logger", "access_log", "default_headers", "message_event"),
        *("expect_100_continue", "keep_alive", "on_response"),
    ],
    RequestResponseCycle.run_asgi: ["app"],
    flow_control.FlowControl.drain: [],
    flow_control.FlowControl.pause_reading: [],
    flow_control.FlowControl.resume_reading: [],
    Server.handle_exit: ["sig", "frame"],
    Server.run: ["sockets"],
    Multiprocess.__init__: ["config", "sockets"],
    Multiprocess.run: [],
    Multiprocess.init_processes: [],
    Multiprocess.keep_subprocess_alive: [],
    Multiprocess.terminate_all: [],
    Multiprocess.handle_ttin: [],
}
"""Methods that are called, or overridden and called, and their parameters."""

CONNECTION: dict[str, type] = {
    "connections": set,
    "expect_100_continue": bool,
    "pipeline": deque,
    "tasks": set,
    "server_state": ServerState,
    "timeout_keep_alive": int,
}
"""Attributes of a new connection. Others are None until there is a request."""

CYCLE: dict[str, Any] = {
    "disconnected": False,
    "keep_alive": True,
    "more_body": True,
    "response_complete": False,
    "response_started": False,
    "waiting_for_100_continue": False,
}
"""Attributes of a request whose head has been read, and their values."""


@pytest.fixture
def loop() -> Iterator[asyncio.AbstractEventLoop]:
    loop = asyncio.new_event_loop()
    yield loop
    loop.close()


@pytest.fixture
def connection(loop: asyncio.AbstractEventLoop) -> HttpToolsProtocol:
    """One of uvicorn's own."""

    async def app(_scope: Any, _receive: Any, send: Any) -> None:
        await send({"type": "http.response.start", "status": 204, "headers": []})
        await send({"type": "http.response.body"})

    config = Config(app, log_config=None, lifespan="off", ws="none", interface="asgi3", proxy_headers=False)
    return HttpToolsProtocol(config, ServerState(), {}, loop)


def test_the_pin_is_the_minor_version_that_is_installed() -> None:
    project = tomllib.loads((Path(__file__).parents[2] / "pyproject.toml").read_text())["project"]
    requirements = map(Requirement, project["optional-dependencies"]["service"])
    specifier = next(requirement.specifier for requirement in requirements if requirement.name == "uvicorn")
    major, minor, _ = version("uvicorn").split(".")
    assert {str(part) for part in specifier} == {f">={major}.{minor}", f"<{major}.{int(minor) + 1}"}


@pytest.mark.parametrize("method", REPLACED, ids=[method.__qualname__ for method in REPLACED])
def test_replaced_methods_are_those_that_were_read(method: Callable[..., Any]) -> None:
    digest = hashlib.sha256(inspect.getsource(method).encode()).hexdigest()[:16]
    where = SERVER if method is Multiprocess.handle_hup else PROTOCOL
    assert digest == REPLACED[method], f"uvicorn has changed {method.__qualname__}: {where}, then note {digest} here"


@pytest.mark.parametrize("method", CALLED, ids=[method.__qualname__ for method in CALLED])
def test_methods_that_are_called_take_what_they_are_given(method: Callable[..., Any]) -> None:
    where = PROTOCOL if method.__qualname__.startswith(("Http", "Flow")) else SERVER
    assert list(inspect.signature(method).parameters)[1:] == CALLED[method], where


def test_attributes_of_a_connection(connection: HttpToolsProtocol, loop: asyncio.AbstractEventLoop) -> None:
    for name, kind in CONNECTION.items():
        assert isinstance(getattr(connection, name), kind), f"{name}: {PROTOCOL}"
    for name in ("client", "cycle", "flow", "headers", "scheme", "server", "transport"):
        assert getattr(connection, name) is None, f"{name}: {PROTOCOL}"
    assert connection.loop is loop, PROTOCOL
    assert connection.server_state.default_headers == [], PROTOCOL
    assert connection.server_state.total_requests == 0, PROTOCOL


def test_attributes_of_a_request(connection: HttpToolsProtocol, loop: asyncio.AbstractEventLoop) -> None:
    client, other = socket.socketpair()
    transport, _ = loop.run_until_complete(loop.connect_accepted_socket(lambda: connection, other))
    assert connection in connection.connections, PROTOCOL
    connection.data_received(b"POST /a HTTP/1.1\r\nA: b\r\ncontent-length: 1\r\n\r\n")
    assert connection.url == b"/a", PROTOCOL
    assert connection.headers == [(b"a", b"b"), (b"content-length", b"1")], PROTOCOL
    assert connection.scope["headers"] is connection.headers, PROTOCOL
    for name, value in CYCLE.items():
        assert getattr(connection.cycle, name) == value, f"{name}: {PROTOCOL}"
    assert not connection.cycle.message_event.is_set(), PROTOCOL
    connection.data_received(b"1GET /b HTTP/1.1\r\n\r\nGET /c HTTP/1.1\r\n\r\n")
    assert [cycle.scope["path"] for cycle, _ in connection.pipeline] == ["/c", "/b"], f"the newest is left: {PROTOCOL}"
    assert connection.cycle is connection.pipeline[0][0], PROTOCOL
    while connection.tasks:
        loop.run_until_complete(asyncio.wait(connection.tasks))
    client.close()
    transport.close()
    loop.run_until_complete(asyncio.sleep(0))


def test_the_parser_says_where_the_body_of_an_upgrade_begins() -> None:
    """And can be told to take any version, and to read on after Connection: close."""
    parser = httptools.HttpRequestParser(object())
    parser.set_dangerous_leniencies(lenient_data_after_close=True, lenient_version=True)
    head = b"GET / HTTP/9.9\r\nconnection: upgrade\r\nupgrade: a\r\ncontent-length: 4\r\n\r\n"
    with pytest.raises(httptools.HttpParserUpgrade) as raised:
        parser.feed_data(head + b"body")
    assert raised.value.args == (len(head),), PROTOCOL
    assert (parser.get_http_version(), parser.should_upgrade()) == ("9.9", True), PROTOCOL


def test_the_parser_gives_the_error_of_a_callback_as_context() -> None:
    class Refusing:
        def on_headers_complete(self) -> None:
            raise ZeroDivisionError

    with pytest.raises(httptools.HttpParserCallbackError) as raised:
        httptools.HttpRequestParser(Refusing()).feed_data(b"GET / HTTP/1.1\r\n\r\n")
    assert isinstance(raised.value.__context__, ZeroDivisionError), PROTOCOL


def test_what_else_is_used() -> None:
    assert isinstance(flow_control.HIGH_WATER_LIMIT, int), PROTOCOL
    assert STARTUP_FAILURE != 0, SERVER
    assert isinstance(Process.pid, property), SERVER
    assert inspect.getsource(Multiprocess).count("Process(self.config, self.sockets)") == 4, SERVER
    assert "self.process = get_subprocess(config, self.target, sockets)" in inspect.getsource(Process.__init__), SERVER
    startup, shutdown = inspect.getsource(Server.startup), inspect.getsource(Server.shutdown)
    create = "await loop.create_server(create_protocol, sock=sock, ssl=config.ssl, backlog=config.backlog)"
    assert create in startup, SERVER
    assert shutdown.index("server.close()") < shutdown.index("sock.close()"), SERVER
    assert "return import_from_string(self.loop)" in inspect.getsource(Config.get_loop_factory), SERVER
    assert "self.processes: list[Process]" in inspect.getsource(Multiprocess.__init__), SERVER
    assert "signal.signal(sig, self.handle_exit)" in inspect.getsource(Server.capture_signals), SERVER
