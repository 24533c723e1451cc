"""What the image installs is pinned, and fits what pyproject.toml asks for; found without asking an index."""

from __future__ import annotations

import re
import tomllib

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from tests.support.paths import ROOT

PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
LOCKS = {"requirements-service.txt": ["service"], "requirements-service-store.txt": ["service", "store"]}
PYTHONS = ["3.11", "3.12", "3.13", "3.14"]

_PIN = re.compile(
    r"^(\S+==\S+(?: ; .*?)?) \\\n((?:    --hash=sha256:[0-9a-f]{64}(?: \\)?\n)+)((?:    # .*\n)+)", re.MULTILINE
)
"""A pin as uv writes it: name, version and marker; hashes; who needs it."""


def asked(extras: list[str]) -> list[Requirement]:
    """What pyproject.toml asks for."""
    texts = [*PROJECT["dependencies"], *(text for extra in extras for text in PROJECT["optional-dependencies"][extra])]
    return [Requirement(text) for text in texts]


def misfits(lock: str, requirements: list[Requirement], python: str) -> list[str]:
    """What of a lock file does not fit, on Linux with one version of Python.

    Args:
        lock: the file's text.
        requirements: what is asked for.
        python: the version, such as "3.11".

    Returns:
        The names that are asked for and not pinned once at a version that will do, and those that are pinned as asked
        for and are not.
    """
    system = {"python_version": python, "python_full_version": f"{python}.0", "sys_platform": "linux"}
    pins = {}
    for match in _PIN.finditer(lock):
        pin = Requirement(match[1])
        if pin.marker is None or pin.marker.evaluate(system):
            assert pin.name not in pins, f"{pin.name} is pinned twice"
            pins[pin.name] = (next(iter(pin.specifier)).version, "coefficient-scorer" in match[3])
    wanted = {
        canonicalize_name(requirement.name): requirement.specifier
        for requirement in requirements
        if requirement.marker is None or requirement.marker.evaluate(system)
    }
    wrong = [name for name, specifier in wanted.items() if name not in pins or pins[name][0] not in specifier]
    return wrong + [name for name, (_, direct) in pins.items() if direct and name not in wanted]


@pytest.mark.parametrize("python", PYTHONS)
@pytest.mark.parametrize("name", LOCKS)
def test_the_lock_fits_what_is_asked_for(name: str, python: str) -> None:
    lock = (ROOT / "deploy" / "image" / name).read_text()
    assert misfits(lock, asked(LOCKS[name]), python) == [], "run `make lock`"


def test_a_lock_that_does_not_fit_is_noticed() -> None:
    lock = (ROOT / "deploy" / "image" / "requirements-service.txt").read_text()
    service = asked(["service"])
    assert misfits(lock, [*service, Requirement("numpy>=99")], "3.11") == ["numpy"]
    assert misfits(lock, [*service, Requirement("click")], "3.11") == []
    assert misfits(lock, [*service, Requirement("pandas")], "3.11") == ["pandas"]
    assert misfits(lock, service[:-1], "3.11") == ["uvloop"]
    assert misfits(lock, service[:-1], "3.14") == ["uvloop"]


@pytest.mark.parametrize("name", LOCKS)
def test_the_lock_is_nothing_but_pins_with_hashes(name: str) -> None:
    """No address of an index, no path of a machine, no line that pip would take for an option."""
    lock = (ROOT / "deploy" / "image" / name).read_text()
    rest = _PIN.sub("", lock).splitlines()
    assert all(line.startswith("#") for line in rest)
    assert "://" not in lock
    assert set(re.findall(r"\(.*?\)", lock)) == {"(pyproject.toml)"}


def test_there_is_a_test_for_each_lock() -> None:
    assert {path.name for path in (ROOT / "deploy" / "image").glob("requirements-*.txt")} == set(LOCKS)
