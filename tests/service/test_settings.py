from __future__ import annotations

import os
from pathlib import Path

import pytest

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
        ("SCORER_PORT", "http", "expected `int`, got `str`"),
        ("SCORER_PORT", "65536", "expected `int` <= 65535"),
        ("SCORER_WORKERS", "-1", "expected `int` >= 0"),
        ("SCORER_MAX_BODY_BYTES", "0", "expected `int` >= 1"),
        ("SCORER_ACCESS_LOG", "perhaps", "expected `float`, got `str`"),
        ("SCORER_PROT", "1313", "no such setting; known are SCORER_MODEL, SCORER_VERSION"),
    ],
)
def test_bad_settings_are_named(name: str, value: str, reason: str) -> None:
    with pytest.raises(SettingError) as caught:
        Settings.from_environment({"SCORER_HOST": "::1", name: value})
    assert caught.value.setting == name
    assert caught.value.reason.startswith(reason)


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
