"""How events are logged: as lines for people, or as one JSON object a line (python-json-logger)."""

from __future__ import annotations

import logging
from typing import Any

from scorer.service.settings import Settings


def configuration(settings: Settings) -> dict[str, Any]:
    """For logging.config.dictConfig: events of this project and warnings of uvicorn, on stdout."""
    if settings.log_format == "json":
        formatter: dict[str, Any] = {"()": "scorer.service.telemetry.logs.json_formatter"}
    else:
        formatter = {"()": "scorer.service.telemetry.logs.TextFormatter"}
    loggers = {
        "scorer": {"level": "INFO"},
        "uvicorn": {"level": "WARNING"},
        "uvicorn.error": {"level": "WARNING"},
        "uvicorn.access": {"level": "CRITICAL"},
    }
    return {
        "version": 1,
        "disable_existing_loggers": False,
        "formatters": {"default": formatter},
        "handlers": {
            "default": {"class": "logging.StreamHandler", "formatter": "default", "stream": "ext://sys.stdout"}
        },
        "loggers": {name: {"handlers": ["default"], "propagate": False, **own} for name, own in loggers.items()},
    }


class TextFormatter(logging.Formatter):
    """One line an event, whatever its message holds; a traceback follows in lines of its own."""

    def __init__(self) -> None:
        super().__init__("%(levelname)s: %(message)s")

    def formatMessage(self, record: logging.LogRecord) -> str:  # noqa: N802 (logging's name)
        """As logging.Formatter; line breaks and other control characters are escaped, so that none forges a line."""
        return super().formatMessage(record).translate(_ESCAPES)


_CONTROL = [*range(0x20), *range(0x7F, 0xA0), 0x2028, 0x2029]
_ESCAPES = {code: ascii(chr(code))[1:-1] for code in _CONTROL}


def json_formatter() -> logging.Formatter:
    """One JSON object a line: timestamp, level, logger, message, and what the event has besides."""
    from pythonjsonlogger.orjson import OrjsonFormatter

    return OrjsonFormatter(
        "{levelname}{name}{message}",
        style="{",
        timestamp=True,
        rename_fields={"levelname": "level", "name": "logger"},
    )
