"""python -m scorer check: finds what would keep `serve` from serving."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from pathlib import Path

from scorer.errors import ScorerError, SettingError
from scorer.service.keys import APIKeys
from scorer.service.listening import listen
from scorer.service.models import Models
from scorer.service.settings import Settings


def check(environment: Mapping[str, str]) -> Iterator[tuple[str, str]]:
    """Checks the settings, the store and its model, the ports, the API keys and the directories.

    Args:
        environment: holds the SCORER_* settings.

    Returns:
        For each check its name, and the problem in words; an empty text if the check has passed.
    """
    try:
        settings = Settings.from_environment(environment)
    except SettingError as error:
        yield "settings", str(error)
        return
    yield "settings", ""
    yield "store and model", _problem(partial(_model, settings))
    for field in ("port", "admin_port"):
        if port := getattr(settings, field):
            yield f"{field.replace('_', ' ')} {port}", _problem(partial(_listen, settings, field))
    if settings.api_keys_file:
        yield "API keys", _problem(partial(APIKeys, Path(settings.api_keys_file)))
    for field in ("cache_dir", "metrics_dir"):
        if directory := getattr(settings, field):
            yield f"{field} {directory}", _problem(partial(_write, Path(directory)))


def _problem(attempt: Callable[[], object]) -> str:
    try:
        attempt()
    except ScorerError as error:
        return str(error)
    except OSError as error:
        return os.strerror(error.errno).lower() if error.errno else str(error)
    return ""


def _model(settings: Settings) -> None:
    models = Models(settings)
    models.source.poll()
    if models.shadow_source:
        models.shadow_source.poll()


def _listen(settings: Settings, field: str) -> None:
    listen(settings, field).close()


def _write(directory: Path) -> None:
    directory.mkdir(parents=True, exist_ok=True)
    probe = directory / f".check-{os.getpid()}"
    probe.write_bytes(b"")
    probe.unlink()
