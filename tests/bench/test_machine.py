"""What a measurement says of the machine, and of a program that failed."""

from __future__ import annotations

import os
import platform
import subprocess
import sys
from importlib.metadata import version
from pathlib import Path

import pytest

from bench import machine


def test_the_processor_is_named_as_linux_names_it(tmp_path: Path) -> None:
    path = tmp_path / "cpuinfo"
    path.write_text("processor\t: 0\nmodel name\t: Some: CPU @ 3 GHz\n\nprocessor\t: 1\nmodel name\t: Other\n")
    assert machine.processor(path) == "Some: CPU @ 3 GHz"


def test_a_processor_without_a_name(tmp_path: Path) -> None:
    path = tmp_path / "cpuinfo"
    assert machine.processor(path) == platform.machine()
    path.write_text("processor\t: 0\nCPU architecture: 8\n")
    assert machine.processor(path) == platform.machine()


def test_the_machine() -> None:
    found = machine.machine()
    assert found["cpus"] == os.cpu_count()
    assert found["python"] == platform.python_version()
    assert found["libraries"]["uvicorn"] == version("uvicorn")
    assert all(found.values())


@pytest.mark.parametrize("text", [False, True])
def test_why_a_program_failed(text: bool) -> None:
    command = [sys.executable, "-c", "import sys; sys.exit('x' * 3000 + ' no such file ')"]
    with pytest.raises(subprocess.CalledProcessError) as caught:
        subprocess.run(command, check=True, stderr=subprocess.PIPE, text=text)
    told = machine.complaint(caught.value)
    assert told.endswith("xx no such file")
    assert len(told) == 2_000
    assert machine.complaint(subprocess.CalledProcessError(1, "some")) == ""


def test_progress_is_on_stderr(capsys: pytest.CaptureFixture[str]) -> None:
    machine.say("Round 1")
    assert capsys.readouterr() == ("", "Round 1\n")
