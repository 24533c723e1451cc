"""`make archive`: one file with everything that is tracked."""

from __future__ import annotations

import os
import shutil
import subprocess
import tarfile
from pathlib import Path

import pytest

import scorer
from tests.support.paths import ROOT
from tests.support.processes import environment
from tests.support.skips import needs

PREFIX = f"coefficient-scorer-{scorer.__version__}/"
NAME = f"{PREFIX[:-1]}-source.tar.gz"

pytestmark = needs("git")


def git(repository: Path, *arguments: str, work_tree: Path | None = None) -> str:
    """What a git command prints, whatever the user has configured."""
    command = ["git", "-c", "user.name=a", "-c", "user.email=a@example.com", *arguments]
    variables = {"GIT_DIR": str(repository / ".git"), "GIT_WORK_TREE": str(work_tree or repository)}
    nothing = {"GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_SYSTEM": os.devnull}
    variables = environment(variables | nothing, measured=False)
    return subprocess.run(command, cwd=repository, env=variables, capture_output=True, text=True, check=True).stdout


def make_archive(repository: Path, *settings: str, umask: int = 0o022) -> subprocess.CompletedProcess[str]:
    """Runs `make archive`."""
    command = ["make", "--no-print-directory", "archive", *settings]
    variables = environment({"MAKEFLAGS": ""}, measured=False)
    return subprocess.run(
        command, cwd=repository, env=variables, umask=umask, capture_output=True, text=True, check=False
    )


@pytest.fixture(scope="module")
def tracked(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A clone's equal: what is here and not ignored, committed."""
    repository = tmp_path_factory.mktemp("clone")
    git(repository, "init", "--quiet")
    git(repository, "add", "--all", work_tree=ROOT)
    git(repository, "commit", "--quiet", "--message", "All")
    git(repository, "reset", "--quiet", "--hard")
    return repository


def test_it_holds_everything_that_is_tracked_in_one_folder(tracked: Path) -> None:
    done = make_archive(tracked)
    assert (done.returncode, done.stdout) == (0, f"dist/{NAME}\n"), done.stderr
    with tarfile.open(tracked / "dist" / NAME) as archive:
        files = {member.name for member in archive if not member.isdir()}
        assert archive.getmember(f"{PREFIX}run_api.sh").mode == 0o755
        pdf = archive.extractfile(f"{PREFIX}docs/writeup.pdf")
        assert pdf is not None
        assert pdf.read() == (ROOT / "docs" / "writeup.pdf").read_bytes()
    assert files == {PREFIX + name for name in git(tracked, "ls-files").splitlines()}
    assert f"{PREFIX}.github/CONTRIBUTING.md" in files
    assert not [name for name in files if name.endswith((".csv", ".pkl", ".pickle"))]


def test_a_commit_gives_the_same_bytes_wherever_it_is_packed(tracked: Path, tmp_path: Path) -> None:
    assert make_archive(tracked, f"ARCHIVE={tmp_path}/a/one.tar.gz").returncode == 0
    for path in tracked.glob("*"):
        os.utime(path, (0, 0))
    assert make_archive(tracked, f"ARCHIVE={tmp_path}/two.tar.gz", umask=0o077).returncode == 0
    assert (tmp_path / "a" / "one.tar.gz").read_bytes() == (tmp_path / "two.tar.gz").read_bytes()


@pytest.mark.parametrize(("name", "state"), [("README.md", " M"), ("new.txt", "??")])
def test_what_is_not_committed_is_named(name: str, state: str, tracked: Path, tmp_path: Path) -> None:
    changed = Path(shutil.copytree(tracked, tmp_path / "changed", ignore=shutil.ignore_patterns("dist")))
    (changed / name).write_text("changed")
    done = make_archive(changed)
    assert done.returncode == 2
    assert done.stderr.splitlines()[:2] == [
        "make archive: not in the last commit; commit or remove:",
        f"{state} {name}",
    ]
    assert not (changed / "dist").exists()


def test_without_a_clone_it_says_so(tracked: Path, tmp_path: Path) -> None:
    """As in an unpacked archive, also where that lies in somebody's clone."""
    inside = tracked / "dist" / "unpacked"
    for directory in (inside, tmp_path / "unpacked"):
        (directory / "scorer").mkdir(parents=True)
        for name in ("Makefile", "scorer/version.py"):
            (directory / name).write_bytes((ROOT / name).read_bytes())
        done = make_archive(directory)
        assert done.returncode == 2
        assert done.stderr.splitlines()[0] == "make archive: needs git, and the top directory of a clone"
        assert not (directory / "dist").exists()
