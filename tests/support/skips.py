"""What tests need of a machine: why they are skipped where it is missing, and which skips CI accepts.

A part of pytest by way of conftest.py: the last lines of a run tell what was skipped and what would run it, and with
--allowed-skips, as .ci/run has it, a run fails on any skip that is not listed here.
"""

from __future__ import annotations

import shutil
from collections import Counter
from collections.abc import Iterable

import pytest

MISSING = {
    "curl": "curl is not installed: apt-get install curl",
    "git": "git is not installed: apt-get install git",
    "java": "Java 17 or newer is not installed: apt-get install default-jre-headless",
    "kubectl": "kubectl 1.21 or newer is not installed: apt-get install kubernetes-client",
    "nginx": "nginx is not installed: apt-get install nginx",
    "openssl": "openssl is not installed: apt-get install openssl",
    "prometheus": "prometheus is not installed: apt-get install prometheus",
    "promtool": "promtool is not installed: apt-get install prometheus",
    "valgrind": "valgrind is not installed: apt-get install valgrind",
    "wrk": "wrk is not installed: apt-get install wrk",
}
"""Reasons of skips where a program is missing. .ci/packages installs these programs."""

NO_DOCKER = "Docker is not installed: apt-get install docker.io"
NO_IPV6 = "this machine has no IPv6 loopback: sysctl net.ipv6.conf.lo.disable_ipv6=0"
NO_PEERS = "the benchmark's peers are not installed: make bench/.venv-peers/.done"
NO_QUOTA = "this machine lets this user set no CPU quota: root can, outside of a container"
PORT_TAKEN = "something listens on port 1313: stop it"


ALLOWED = {
    "always": {
        NO_DOCKER: "one test alone, of an engine that cannot be reached; `make image-test` is a job of its own",
        NO_IPV6: "containers often have none",
        NO_PEERS: "installing them takes minutes, and every benchmark checks their answers before it times them",
        NO_QUOTA: "containers and ordinary users have no right to; a part of the benchmark alone",
        PORT_TAKEN: "on the machine of a developer it may be a scorer",
    },
    "without-rights": dict.fromkeys(MISSING.values(), "only root can install it"),
}
"""The skips that CI accepts, by their reason, each with why: always, and where .ci/packages may not install."""


def find(program: str) -> str | None:
    """Where a program is, also where it is one of the administrator's."""
    return shutil.which(program) or shutil.which(program, path="/usr/sbin")


def needs(program: str) -> pytest.MarkDecorator:
    """Marks tests that are skipped where a program is not installed."""
    return pytest.mark.skipif(not find(program), reason=MISSING[program])


def require(program: str) -> str:
    """Where a program is; skips the running test where it is not installed."""
    return find(program) or pytest.skip(MISSING[program])


def pytest_addoption(parser: pytest.Parser) -> None:
    """Adds the option."""
    told = "fail where a test is skipped for a reason that tests/support/skips.py does not list"
    parser.addoption(
        "--allowed-skips", choices=tuple(ALLOWED), help=f"{told}: always, or without the rights to install"
    )


def reasons(reporter: pytest.TerminalReporter) -> Counter[str]:
    """How many tests were skipped, by the reason."""
    reports: Iterable[pytest.TestReport] = reporter.getreports("skipped")
    told = (report.longrepr[2] for report in reports if isinstance(report.longrepr, tuple))
    return Counter(text.removeprefix("Skipped: ") for text in told)


def refused(config: pytest.Config) -> list[str]:
    """The reasons of skips that are not accepted."""
    reporter = config.pluginmanager.get_plugin("terminalreporter")
    allowed = config.getoption("allowed_skips")
    if reporter is None or allowed is None:
        return []
    accepted = ALLOWED["always"] | ALLOWED[allowed]
    return [reason for reason in reasons(reporter) if reason not in accepted]


@pytest.hookimpl(trylast=True)
def pytest_sessionfinish(session: pytest.Session) -> None:
    """Fails the run on a skip that is not accepted."""
    if session.exitstatus == pytest.ExitCode.OK and refused(session.config):
        session.exitstatus = pytest.ExitCode.TESTS_FAILED


@pytest.hookimpl(trylast=True)
def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    """Tells what was skipped, and what would run it."""
    wrong = refused(config)
    for reason, count in sorted(reasons(terminalreporter).items()):
        verdict = " (not accepted: tests/support/skips.py)" if reason in wrong else ""
        terminalreporter.write_line(f"{count} skipped: {reason}{verdict}", red=reason in wrong, yellow=True)
