"""Coroutines that begin without a task, and get one where they have to wait."""

from __future__ import annotations

from collections.abc import Coroutine, Generator
from types import coroutine
from typing import Any


@coroutine
def go_on(begun: Coroutine[Any, Any, None], waits_for: Any) -> Generator[Any, Any, None]:
    """Goes on with a coroutine that was begun outside of a task.

    Args:
        begun: the coroutine.
        waits_for: what its first ``send(None)`` gave: what it waits for, as a task takes it.
    """
    try:
        while True:
            try:
                given = yield waits_for
            except BaseException as error:  # such as the task's own cancellation
                waits_for = begun.throw(error)
            else:
                waits_for = begun.send(given)
    except StopIteration:
        pass
