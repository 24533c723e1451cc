"""What make and the image install is pinned with hashes, and fits what is asked for; found without asking an index."""

from __future__ import annotations

import re
import tomllib

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from tests.support.paths import ROOT

PYPROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())
PROJECT = PYPROJECT["project"]
PYTHONS = ["3.11", "3.12", "3.13", "3.14"]


def of_extras(*extras: str) -> list[Requirement]:
    """What the package and some of its extras need."""
    texts = [*PROJECT["dependencies"], *(text for extra in extras for text in PROJECT["optional-dependencies"][extra])]
    return [found for found in map(Requirement, texts) if found.name != PROJECT["name"]]


def of_file(path: str) -> list[Requirement]:
    """What a list asks for, a line each; comments aside."""
    lines = (ROOT / path).read_text().splitlines()
    return [Requirement(line) for line in lines if not line.startswith("#")]


ALL = "tests/requirements.txt"
SERVICE = "deploy/image/requirements-service.txt"
ENGINES = "tests/engines/requirements.txt"
ASKED = {
    ALL: of_extras(*{*PROJECT["optional-dependencies"]} - {"spark"}),
    ENGINES: of_extras("service", "store", "export", "arrow", "spark") + of_file("tests/engines/requirements.in"),
    SERVICE: of_extras("service"),
    "deploy/image/requirements-service-store.txt": of_extras("service", "store"),
    "deploy/image/requirements-service-arrow.txt": of_extras("service", "arrow"),
    "tests/requirements-build.txt": [Requirement(text) for text in PYPROJECT["dependency-groups"]["build"]],
    "bench/peers/requirements.txt": of_file("bench/peers/requirements.in"),
}
"""The locks, and what each one is asked for."""

HELD_BACK = {ENGINES: {"graphql-core", "pyarrow"}}
"""Packages of which a lock has another version than the tests' lock: MLflow allows no newer one."""

SOURCES = {
    "coefficient-scorer (pyproject.toml)",
    "coefficient-scorer (pyproject.toml:build)",
    "-r bench/peers/requirements.in",
    "-r tests/engines/requirements.in",
}
"""Who asks for a package, where no other package does."""

_PIN = re.compile(
    r"^(\S+==\S+(?: ; .*?)?) \\\n((?:    --hash=sha256:[0-9a-f]{64}(?: \\)?\n)+)((?:    # .*\n)+)", re.MULTILINE
)
"""A pin as uv writes it: name, version and marker; hashes; who needs it."""


def read(lock: str) -> str:
    """The text of a lock."""
    return (ROOT / lock).read_text()


def needed_by(comment: str) -> set[str]:
    """Who needs a package: other packages, constraints and sources."""
    return set(re.findall(r"# +(\S.*)", comment.replace("# via", "#")))


def pins(lock: str, python: str) -> dict[str, tuple[str, bool]]:
    """What a lock installs on Linux with one version of Python.

    Args:
        lock: the file's text.
        python: the version, such as "3.11".

    Returns:
        By name: the version, and whether it is asked for itself.
    """
    system = {"python_version": python, "python_full_version": f"{python}.0", "sys_platform": "linux"}
    found: dict[str, tuple[str, bool]] = {}
    for match in _PIN.finditer(lock):
        pin = Requirement(match[1])
        if pin.marker is None or pin.marker.evaluate(system):
            assert pin.name not in found, f"{pin.name} is pinned twice"
            found[pin.name] = (next(iter(pin.specifier)).version, bool(needed_by(match[3]) & SOURCES))
    return found


def misfits(lock: str, requirements: list[Requirement], python: str) -> list[str]:
    """What of a lock's text does not fit: what is not pinned at a version that will do, and what nobody asks for."""
    pinned = pins(lock, python)
    wanted = {
        canonicalize_name(requirement.name): requirement.specifier
        for requirement in requirements
        if requirement.marker is None or requirement.marker.evaluate({"python_version": python})
    }
    wrong = [name for name, specifier in wanted.items() if name not in pinned or pinned[name][0] not in specifier]
    return wrong + [name for name, (_, direct) in pinned.items() if direct and name not in wanted]


@pytest.mark.parametrize("python", PYTHONS)
@pytest.mark.parametrize("lock", ASKED)
def test_the_lock_fits_what_is_asked_for(lock: str, python: str) -> None:
    assert misfits(read(lock), ASKED[lock], python) == [], "run `make lock`"


def test_a_lock_that_does_not_fit_is_noticed() -> None:
    lock, service = read(SERVICE), ASKED[SERVICE]
    assert misfits(lock, [*service, Requirement("numpy>=99")], "3.11") == ["numpy"]
    assert misfits(lock, [*service, Requirement("click")], "3.11") == []
    assert misfits(lock, [*service, Requirement("pandas")], "3.11") == ["pandas"]
    assert misfits(lock, service[:-1], "3.11") == ["uvloop"]
    assert misfits(lock, service[:-1], "3.14") == ["uvloop"]


@pytest.mark.parametrize("python", PYTHONS)
@pytest.mark.parametrize("lock", ASKED)
def test_all_locks_have_the_versions_that_are_tested(lock: str, python: str) -> None:
    tested, others = pins(read(ALL), python), pins(read(lock), python)
    shared = tested.keys() & others.keys() - HELD_BACK.get(lock, set())
    assert shared
    assert {name: others[name][0] for name in shared} == {name: tested[name][0] for name in shared}


@pytest.mark.parametrize("lock", ASKED)
def test_the_lock_is_nothing_but_pins_with_hashes(lock: str) -> None:
    """No address of an index, no path of a machine, no line that pip would take for an option."""
    text = read(lock)
    assert all(line.startswith("#") for line in _PIN.sub("", text).splitlines())
    assert "://" not in text
    named = set().union(*(needed_by(match[3]) for match in _PIN.finditer(text)))
    others = {name for name in named if not re.fullmatch(r"[a-z0-9-]+", name)}
    assert others <= SOURCES | {f"-c {ALL}"}
    assert others & SOURCES


def test_there_is_a_test_for_each_lock() -> None:
    rooms = {(ROOT / lock).parent for lock in ASKED}
    assert {str(path.relative_to(ROOT)) for room in rooms for path in room.glob("requirements*.txt")} == set(ASKED)
