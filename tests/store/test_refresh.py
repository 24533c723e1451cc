from __future__ import annotations

import logging
import threading
from pathlib import Path

import pytest

from scorer.store import refresh
from scorer.store.cache import LastGood
from scorer.store.pointer import POINTER
from scorer.store.refresh import Refresher
from scorer.store.sources import Loaded, OneFile, PollResult, Versions
from tests.support.servers import wait_until
from tests.support.stores import Store

NEVER = 3_600.0


class Used(list[Loaded]):
    """Takes models as an app would."""

    @property
    def versions(self) -> list[str]:
        return [loaded.scorer.file.version for loaded in self]


def test_every_swap_is_told_and_remembered(store: Store, caplog: pytest.LogCaptureFixture) -> None:
    used = Used()
    refresher = Refresher(Versions(store.storage), used.append, NEVER)
    with caplog.at_level(logging.INFO):
        for version in ("1.0.0", "1.1.0", "1.1.0", "1.0.0"):
            store.point(version)
            refresher.poll()
    assert used.versions == ["1.0.0", "1.1.0", "1.0.0"]
    status = refresher.status
    assert [served.version for served in status.history] == ["1.0.0", "1.1.0", "1.0.0"]
    assert [served.until for served in status.history] == [status.history[1].since, status.history[2].since, None]
    assert (status.current, status.previous) == (status.history[2], status.history[1])
    assert (status.failures, status.failing, status.last_failure) == (0, None, None)
    messages = [record.message.partition(" (")[0] for record in caplog.records]
    assert messages == ["serving glm-26 1.1.0", "serving glm-26 1.0.0"]


def test_only_so_many_are_remembered(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(refresh, "HISTORY", 2)
    refresher = Refresher(Versions(store.storage), Used().append, NEVER)
    for version in ("1.0.0", "1.1.0", "1.2.0"):
        store.point(version)
        refresher.poll()
    assert [served.version for served in refresher.status.history] == ["1.1.0", "1.2.0"]


def test_a_failure_is_logged_once_counted_and_mended(store: Store, caplog: pytest.LogCaptureFixture) -> None:
    used = Used()
    refresher = Refresher(Versions(store.storage), used.append, NEVER)
    refresher.poll()
    store.write(POINTER, b"{")
    with caplog.at_level(logging.INFO):
        for _ in range(3):
            refresher.poll()
        failing = refresher.status.failing
        assert failing is not None
        assert (failing.times, refresher.status.failures) == (3, 3)
        (store.path / POINTER).unlink()
        refresher.poll()
        store.point("1.1.0")
        refresher.poll()
    assert used.versions == ["1.0.0", "1.1.0"]
    status = refresher.status
    assert (status.failing, status.failures) == (None, 4)
    assert status.last_failure is not None
    assert status.last_failure.reason.endswith("current.json: no such file or directory")
    first, second, swapped, mended = [record.message for record in caplog.records]
    assert first.startswith("serving glm-26 1.0.0, trying again: ")
    assert "not JSON" in first
    assert "no such file" in second
    assert swapped.startswith("serving glm-26 1.1.0 ")
    assert mended == f"{store.path} is fine again"


def test_a_version_cannot_come_back_with_other_bytes(store: Store) -> None:
    used = Used()
    refresher = Refresher(OneFile(store.storage, "glm-26/1.0.0.json"), used.append, NEVER)
    refresher.poll()
    path = store.path_of("1.0.0")
    path.write_bytes(path.read_bytes().replace(b"Logistic GLM of", b"Logistic GLM from"))
    refresher.poll()
    assert used.versions == ["1.0.0"]
    failing = refresher.status.failing
    assert failing is not None
    assert "a version is immutable" in failing.reason


def test_a_fault_of_the_program_is_a_failure_like_another(store: Store, caplog: pytest.LogCaptureFixture) -> None:
    def break_down(_loaded: Loaded) -> None:
        raise ZeroDivisionError

    refresher = Refresher(Versions(store.storage), break_down, NEVER)
    refresher.poll()
    assert refresher.status.current is None
    assert refresher.status.failing is not None
    assert any(record.exc_info for record in caplog.records)


def test_the_cache_is_for_a_start_without_the_store(store: Store, tmp_path: Path) -> None:
    def make() -> tuple[Used, Refresher]:
        used = Used()
        return used, Refresher(Versions(store.storage), used.append, NEVER, LastGood(tmp_path / "cache", "here"))

    used, refresher = make()
    refresher.poll()
    aside = store.path.rename(tmp_path / "aside")
    used, refresher = make()
    refresher.poll()
    assert used.versions == ["1.0.0"]
    assert refresher.status.current is not None
    assert refresher.status.current.source.startswith(str(tmp_path / "cache"))
    aside.rename(store.path)
    store.point("1.1.0")
    refresher.poll()
    assert used.versions == ["1.0.0", "1.1.0"]
    assert LastGood(tmp_path / "cache", "here").load().pointer == store.pointer("1.1.0")


def test_a_cache_that_cannot_be_used_is_told(store: Store, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    cache = LastGood(tmp_path / "cache", "here")
    Refresher(Versions(store.storage), Used().append, NEVER, cache).poll()
    (Path(cache.name) / POINTER).write_text("{")
    store.path.rename(tmp_path / "aside")
    refresher = Refresher(Versions(store.storage), Used().append, NEVER, cache)
    refresher.poll()
    assert refresher.status.current is None
    (tmp_path / "aside").rename(store.path)
    (tmp_path / "file").write_text("")
    used = Used()
    Refresher(Versions(store.storage), used.append, NEVER, LastGood(tmp_path / "file", "here")).poll()
    assert used.versions == ["1.0.0"]
    told = [record.message for record in caplog.records]
    assert any(message.startswith("the cache cannot be used: ") for message in told)
    assert any(message.startswith("no model yet, trying again: ") for message in told)
    assert any(message.startswith("the model is not cached: ") for message in told)


def wait_for_its_end() -> None:
    wait_until(lambda: all(thread.name != "refresher" for thread in threading.enumerate()), "the end of the thread")


def test_it_looks_by_itself_at_once_when_woken_and_no_more_when_stopped(store: Store) -> None:
    used = Used()
    refresher = Refresher(Versions(store.storage), used.append, 0.02)
    refresher.start()
    assert used.versions == ["1.0.0"]
    store.point("1.1.0")
    wait_until(lambda: used.versions == ["1.0.0", "1.1.0"], "a look by itself")
    refresher.stop()
    wait_for_its_end()
    patient = Refresher(Versions(store.storage), used.append, NEVER)
    patient.start(PollResult(None, used[0]))
    assert used.versions[2:] == ["1.0.0"]
    patient.wake()
    wait_until(lambda: used.versions[2:] == ["1.0.0", "1.1.0"], "a look when woken")
    patient.stop()
    wait_for_its_end()
    assert used.versions[2:] == ["1.0.0", "1.1.0"]


def test_the_first_look_at_a_remote_source_keeps_nobody_waiting(store: Store, caplog: pytest.LogCaptureFixture) -> None:
    used = Used()
    source = Versions(store.storage)
    source.local = False
    refresher = Refresher(source, used.append, NEVER)
    with caplog.at_level(logging.INFO):
        refresher.start()
        wait_until(lambda: refresher.status.polled, "the first look")
    refresher.stop()
    wait_for_its_end()
    assert used.versions == ["1.0.0"]
    assert caplog.records[0].message.startswith("serving glm-26 1.0.0 (sha256 ")


def test_pauses_grow_and_stay_within_two_periods() -> None:
    middles = [1.0, 0.125, 0.25, 0.5, 1.0, 1.5, 1.5, 1.5]
    for failures, middle in enumerate(middles):
        pauses = [refresh.pause(1.0, failures) for _ in range(200)]
        assert min(pauses) >= 0.9 * middle
        assert max(pauses) <= 1.1 * middle
        assert max(pauses) - min(pauses) > 0.1 * middle
    assert refresh.pause(10.0, 1_000_000) < 20.0
