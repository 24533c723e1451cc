from __future__ import annotations

import os
from math import inf, nan
from pathlib import Path
from typing import get_type_hints

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from scorer.errors import SettingError
from scorer.service.settings import Settings, available_cpus


def test_defaults() -> None:
    settings = Settings.from_environment({"PATH": "/bin", "SCORER_PORT": ""})
    assert settings == Settings()
    assert (settings.host, settings.port, settings.max_body_bytes) == ("127.0.0.1", 1313, 64 * 1024 * 1024)
    assert settings.worker_count() == available_cpus()


def test_values_are_typed() -> None:
    environment = {"SCORER_PORT": "0", "SCORER_WORKERS": "3", "SCORER_ACCESS_LOG": "0.5", "SCORER_MODEL": "a.json"}
    settings = Settings.from_environment(environment)
    assert (settings.port, settings.worker_count(), settings.access_log, settings.model) == (0, 3, 0.5, "a.json")


@pytest.mark.parametrize(
    ("name", "value", "reason"),
    [
        ("SCORER_PORT", "http", "expected a whole number, at least 0 and at most 65,535"),
        ("SCORER_PORT", "65536", "expected a whole number, at least 0 and at most 65,535"),
        ("SCORER_WORKERS", "-1", "expected a whole number, at least 0 and at most 1,024"),
        ("SCORER_MAX_BODY_BYTES", "0", "expected a whole number, at least 1"),
        ("SCORER_SHUTDOWN_SECONDS", "1000000000", "expected a whole number, at least 1 and at most 3,600"),
        ("SCORER_ACCESS_LOG", "perhaps", "expected a number, at least 0 and at most 1"),
        ("SCORER_DRAIN_SECONDS", "1e999", "expected a number, at least 0 and at most 3,600"),
        ("SCORER_METRICS", "perhaps", "expected true or false"),
        ("SCORER_LOG_FORMAT", "xml", "expected json or text"),
        ("SCORER_UNKNOWN_LEVELS", "ignore", "expected baseline or error"),
        ("SCORER_PROT", "1313", "no such setting; known are SCORER_MODEL, SCORER_VERSION"),
    ],
)
def test_bad_settings_are_named(name: str, value: str, reason: str) -> None:
    with pytest.raises(SettingError) as caught:
        Settings.from_environment({"SCORER_HOST": "::1", name: value})
    assert caught.value.setting == name
    assert caught.value.reason.startswith(reason)
    assert value not in caught.value.reason


FLOATS = [name for name, kind in get_type_hints(Settings).items() if kind is float]


@pytest.mark.parametrize("name", FLOATS)
@given(value=st.floats())
@example(value=inf)
@example(value=-inf)
@example(value=nan)
@example(value=1e9)
def test_no_setting_is_infinite_or_so_large_that_a_wait_never_ends(name: str, value: float) -> None:
    setting = f"SCORER_{name.upper()}"
    environment = {setting: repr(value)}
    if 0 < value <= 1:
        assert getattr(Settings.from_environment(environment), name) == value
    elif not 0 <= value <= 86_400:
        with pytest.raises(SettingError, match=f"^{setting}: expected a number, (above|at least) 0 and at most "):
            Settings.from_environment(environment)


@pytest.mark.parametrize(
    ("text", "cpus"), [("150000 100000", 2), ("10000 100000", 1), ("max 100000", None), ("9900000 100000", None)]
)
def test_a_container_quota_bounds_the_workers(tmp_path: Path, text: str, cpus: int | None) -> None:
    quota = tmp_path / "cpu.max"
    quota.write_text(text + "\n")
    affinity = len(os.sched_getaffinity(0))
    assert available_cpus(quota) == min(affinity, cpus or affinity)


def test_no_quota_file(tmp_path: Path) -> None:
    assert available_cpus(tmp_path / "nothing") == len(os.sched_getaffinity(0))
