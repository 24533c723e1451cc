"""python -m bench.compare REVISION: compares the server's CPU time with that of another revision.

Both servers run all the time and take turns, so that other work on the machine affects both. The least CPU time of
all rounds counts: other processes can only add to it. Both use this environment's packages, and each serves the model
that it ships.
"""

from __future__ import annotations

import argparse
import io
import subprocess
import sys
import tarfile
import tempfile
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

from bench import contenders
from bench.__main__ import make_bodies
from bench.machine import complaint
from bench.measure import BATCH_ROWS
from bench.peers.catalog import ROOT
from bench.peers.running import PeerError, Server, running
from bench.timing import requests, take_turns
from bench.wrk import LoadError

REQUESTS = {"batch of 10,000 rows": 5, "single row": 3_000}


@dataclass(frozen=True, slots=True)
class Revision(contenders.Own):
    """The scorer from another directory.

    Attributes:
        sources: the directory that contains the package.
    """

    sources: Path = ROOT

    @property
    def model(self) -> Path:
        """The versions that it ships: another revision may not read the newest format."""
        return self.sources / "coefficients"

    def environment(self, model: Path, port: int, scratch: Path) -> dict[str, str]:
        """As Own; the package is imported from `sources`."""
        own = contenders.Own.environment(self, model, port, scratch)
        return {**own, "PYTHONPATH": str(self.sources)}


def main(arguments: Sequence[str] | None = None) -> int:
    """Prints a table: CPU and wall time per request of both revisions, and their ratios. Returns the exit code."""
    parser = argparse.ArgumentParser(prog="bench.compare", description=__doc__.partition("\n")[0])
    parser.add_argument("revision", help="git revision to compare with")
    parser.add_argument("--rounds", type=int, default=20)
    options = parser.parse_args(arguments)
    try:
        run(options.revision, options.rounds)
    except subprocess.CalledProcessError as error:
        print(f"bench.compare: {complaint(error)}", file=sys.stderr)
        return 2
    except (PeerError, LoadError, ConnectionError) as error:
        print(f"bench.compare: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("bench.compare: interrupted", file=sys.stderr)
        return 130
    return 0


def run(revision: str, rounds: int) -> None:
    """Prints the table.

    Raises:
        subprocess.CalledProcessError: git does not know the revision.
        PeerError: a server did not start.
        LoadError: a request was not answered with 200.
    """
    with ExitStack() as stack:
        directory = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        unpack(revision, directory / "other")
        # -P keeps the working directory, which contains this tree's package, off both import paths
        this = Revision("this", "this tree", ("-P", "-m", "scorer", "serve"))
        other = replace(this, key="other", name=revision, sources=directory / "other")
        servers = {each.key: stack.enter_context(running(each, each.model, contenders.OWN)) for each in (other, this)}
        _, bodies = make_bodies(directory)
        print(f"| CPU µs a request | {revision} | this tree | ratio | wall: ratio |\n|---|---|---|---|---|")
        for name, body in zip(REQUESTS, (bodies.of(BATCH_ROWS), bodies.of(0)), strict=True):
            print(compare(name, body.read_bytes(), servers, rounds), flush=True)


def unpack(revision: str, directory: Path) -> None:
    """Writes the sources of a revision into a directory."""
    command = ["git", "archive", revision, "scorer", "coefficients"]
    archive = subprocess.run(command, cwd=ROOT, check=True, capture_output=True)
    with tarfile.open(fileobj=io.BytesIO(archive.stdout)) as files:
        files.extractall(directory, filter="data")


def compare(name: str, body: bytes, servers: dict[str, Server], rounds: int) -> str:
    """One line of the table: the least times per request of all rounds."""
    work = {key: partial(requests, server, body, REQUESTS[name]) for key, server in servers.items()}
    taken = take_turns(work, rounds)
    other, this = (min(samples["cpu"]) * 1e6 for samples in taken.values())
    other_wall, this_wall = (min(samples["wall"]) for samples in taken.values())
    return f"| {name} | {other:,.1f} | {this:,.1f} | {this / other:.3f} | {this_wall / other_wall:.3f} |"


if __name__ == "__main__":
    sys.exit(main())
