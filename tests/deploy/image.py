"""`make image-test`: the image as it is run in production. No part of `make test`, since it needs a Docker engine.

DOCKER_RUN_OPTIONS stand instead of the option that publishes the port, as in run_api.sh.
"""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

import scorer
from tests.support.servers import Client, answers, free_port, run_api, wait_until
from tests.support.smoke import smoke
from tests.support.standin import StandIn

MOST_ADDED_BYTES = 100_000_000
"""To the base image. 76 MB were measured, and 87 MB where the base comes without bytecode."""

NO_RIGHTS = ["--read-only", "--tmpfs=/tmp", "--cap-drop=ALL", "--security-opt=no-new-privileges"]

INSIDE = """
import importlib.util, os, shutil
modules = ("pip", "setuptools", "ensurepip", "pandas", "sklearn", "scipy", "statsmodels", "pytest", "export")
programs = ("pip", "pip3", "gcc", "cc", "clang", "c++", "ld")
found = [name for name in modules if importlib.util.find_spec(name)] + list(filter(shutil.which, programs))
print(os.getuid(), os.getgid(), *found)
"""


def docker(*arguments: str) -> str:
    """Runs a docker command that has to succeed."""
    done = subprocess.run(["docker", *arguments], capture_output=True, text=True, check=False)
    assert done.returncode == 0, f"docker {' '.join(arguments)}: {done.stdout}{done.stderr}"
    return done.stdout.strip()


@contextmanager
def container(image: str) -> Iterator[tuple[str, int]]:
    """Runs the image with no rights, waits until it is ready, and removes it. Gives its id and its port."""
    port = free_port()
    network = os.environ.get("DOCKER_RUN_OPTIONS", f"--publish=127.0.0.1:{port}:{port}").split()
    options = [*NO_RIGHTS, *network, f"--env=SCORER_PORT={port}", "--health-interval=1s"]
    name = docker("create", *options, image)
    try:
        started = time.monotonic()
        docker("start", name)
        wait_until(lambda: answers(port, "/readyz"), "the container")
        print(f"\nready {time.monotonic() - started:.2f} s after docker start")
        yield name, port
    except BaseException:
        subprocess.run(["docker", "logs", name], check=False)
        raise
    finally:
        docker("rm", "--force", name)


@pytest.fixture(scope="module")
def image() -> str:
    """The name of the image."""
    return os.environ.get("IMAGE", "coefficient-scorer")


@pytest.fixture(scope="module")
def running(image: str) -> Iterator[tuple[str, int]]:
    """A container that all tests here share, and its port."""
    with container(image) as started:
        yield started


def test_size(image: str) -> None:
    """What the image adds to its base: the layers from the one on that brings the packages."""
    history = docker("history", "--no-trunc", "--human=false", "--format={{.Size}} {{.CreatedBy}}", image).splitlines()
    packages = next(index for index, line in enumerate(history) if re.search(r"COPY .*/opt/packages", line))
    sizes = [int(line.split()[0]) for line in history]
    added, base = sum(sizes[: packages + 1]), sum(sizes[packages + 1 :])
    print(f"\n{(added + base) / 1e6:.0f} MB, of which {base / 1e6:.0f} MB are the base image's")
    assert 0 < added < MOST_ADDED_BYTES


def test_nothing_that_installs_builds_or_trains_is_inside(image: str) -> None:
    assert docker("run", "--rm", *NO_RIGHTS, "--entrypoint=python3", image, "-c", INSIDE) == "10001 10001"


def test_labels(image: str) -> None:
    labels = json.loads(docker("inspect", "--format={{json .Config.Labels}}", image))
    named = {key.removeprefix("org.opencontainers.image."): value for key, value in labels.items()}
    assert named["title"] == "coefficient-scorer"
    assert named["version"] == scorer.__version__
    assert re.fullmatch(r"[0-9a-f]{40}(-dirty)?|unknown", named["revision"])


def test_the_answers_are_those_of_the_library(
    running: tuple[str, int], row: dict[str, Any], stand_in: StandIn, model: scorer.Scorer
) -> None:
    client = Client(running[1])
    for rows in (row, stand_in.rows):
        answer = client.predict(rows)
        assert answer.status == 200
        assert answer.json() == model.score(rows).to_rows()
    client.close()


def test_the_smoke_test(running: tuple[str, int]) -> None:
    run = smoke(f"http://127.0.0.1:{running[1]}")
    assert (run.code, run.failed) == (0, [])


def test_docker_finds_it_healthy(running: tuple[str, int]) -> None:
    state = "--format={{.State.Health.Status}}"
    wait_until(lambda: docker("inspect", state, running[0]) != "starting", "the first probe")
    assert docker("inspect", state, running[0]) == "healthy"


def test_docker_stop_is_a_clean_end(image: str) -> None:
    with container(image) as (name, _):
        docker("stop", name)
        assert docker("inspect", "--format={{.State.ExitCode}}", name) == "0"


def test_run_api_serves_and_ctrl_c_leaves_no_container(row: dict[str, Any], model: scorer.Scorer) -> None:
    with run_api() as (process, port, _):
        listed = ["ps", "--all", "--quiet", f"--filter=name=coefficient-scorer-{process.pid}"]
        assert docker(*listed)
        client = Client(port)
        assert client.predict(row).json() == model.score(row).to_rows()
        client.close()
        os.killpg(process.pid, signal.SIGINT)
        assert process.wait(60) == 130
        assert docker(*listed) == ""
