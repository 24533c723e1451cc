"""A coroutine that begins without a task goes on in one, as if it had begun there."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import Any

import pytest

from scorer.service.http_tasks import go_on


async def begin(work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
    """Runs a coroutine until it first waits, then makes a task of the rest."""
    return asyncio.get_running_loop().create_task(go_on(work, work.send(None)))


def test_it_waits_gets_what_it_waits_for_and_ends() -> None:
    seen: list[object] = []

    async def work(future: asyncio.Future[str]) -> None:
        seen.append(await future)
        await asyncio.sleep(0)
        failing: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        failing.set_exception(ZeroDivisionError())
        try:
            await failing
        except ZeroDivisionError as error:
            seen.append(type(error))

    async def main() -> None:
        future: asyncio.Future[str] = asyncio.get_running_loop().create_future()
        task = await begin(work(future))
        await asyncio.sleep(0)
        assert not seen
        future.set_result("there")
        await task

    asyncio.run(main())
    assert seen == ["there", ZeroDivisionError]


def test_it_is_cancelled_with_its_task() -> None:
    ended: list[str] = []

    async def work() -> None:
        try:
            await asyncio.sleep(3600)
        finally:
            ended.append("cleaned up")

    async def main() -> None:
        task = await begin(work())
        await asyncio.sleep(0)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    asyncio.run(main())
    assert ended == ["cleaned up"]
