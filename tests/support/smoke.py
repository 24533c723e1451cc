"""deploy/smoke.sh as an operator runs it."""

from __future__ import annotations

import os
import subprocess
from dataclasses import dataclass

from tests.support.paths import ROOT
from tests.support.servers import WAIT_SECONDS

SMOKE = ROOT / "deploy" / "smoke.sh"


@dataclass(frozen=True)
class Run:
    """What the script came to."""

    code: int
    output: str
    errors: str

    @property
    def failed(self) -> list[str]:
        """The checks that failed, in a line each."""
        return [line.removeprefix("FAILED  ") for line in self.output.splitlines() if line.startswith("FAILED  ")]

    @property
    def ok(self) -> int:
        """How many checks were right."""
        return sum(line.startswith("ok  ") for line in self.output.splitlines())


def smoke(*arguments: str, key: str = "") -> Run:
    """Runs the script to its end.

    Args:
        arguments: its own.
        key: an API key.
    """
    environment = {**os.environ, "API_KEY": key}
    done = subprocess.run(
        [SMOKE, *arguments], env=environment, capture_output=True, text=True, timeout=WAIT_SECONDS, check=False
    )
    return Run(done.returncode, done.stdout, done.stderr)
