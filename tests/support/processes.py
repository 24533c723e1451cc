"""How tests start other programs."""

from __future__ import annotations

import os
import signal
from collections.abc import Mapping

SETTINGS = "SCORER_"
COVERAGE = "COVERAGE_PROCESS_"


def environment(others: Mapping[str, str] | None = None, *, measured: bool = True) -> dict[str, str]:
    """This process's environment for another one, without the SCORER_* settings that happen to be set.

    Args:
        others: variables that are added.
        measured: whether coverage, where it measures this process, measures the other one too. That takes time and
            memory, so what a test loads heavily, or reads the memory of, is not measured; other tests cover it.
    """
    left_out = (SETTINGS,) if measured else (SETTINGS, COVERAGE)
    return {name: value for name, value in os.environ.items() if not name.startswith(left_out)} | dict(others or {})


def as_from_a_terminal() -> None:
    """To be run in a new process: lets Ctrl-C end it even where this one, started in the background, ignores it."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)
