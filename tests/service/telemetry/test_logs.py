"""Log lines: whatever comes from outside, an event is one line."""

from __future__ import annotations

import json
import logging
import logging.config
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scorer.service.settings import Settings
from scorer.service.telemetry import logs
from tests.support.servers import running


def event(message: str) -> logging.LogRecord:
    return logging.LogRecord("scorer", logging.INFO, "", 0, "%s", (message,), None)


@given(st.text())
def test_any_message_is_one_line(message: str) -> None:
    assert len(logs.TextFormatter().format(event(message)).splitlines()) == 1
    assert "\n" not in logs.json_formatter().format(event(message))


def test_readable_text_stays_as_it_is() -> None:
    assert logs.TextFormatter().format(event("päth\n\x1b[2J\u2028")) == "INFO: päth\\n\\x1b[2J\\u2028"


def test_a_traceback_follows_in_lines_of_its_own() -> None:
    try:
        raise ZeroDivisionError
    except ZeroDivisionError as error:
        record = event("failed")
        record.exc_info = (type(error), error, error.__traceback__)
    first, second, *_ = logs.TextFormatter().format(record).splitlines()
    assert (first, second) == ("INFO: failed", "Traceback (most recent call last):")


@pytest.mark.parametrize("log_format", ["text", "json"])
def test_a_path_forges_no_line(log_format: str) -> None:
    environment = {"SCORER_ACCESS_LOG": "1", "SCORER_LOG_FORMAT": log_format}
    with running(environment=environment) as server:
        with server.client() as client:
            assert client.send("GET", "/a%0aINFO:%20forged%0d%1b[2J").status == 404
        line = server.wait_for_line("GET /a")
        server.stop()
    assert re.fullmatch(r"INFO: GET /a\\nINFO: forged\\r\\x1b\[2J 404, .*\n", line) or json.loads(line)["status"] == 404
    assert [text for text in server.output if text.startswith("INFO: forged")] == []


def test_the_configuration_is_one_that_logging_takes() -> None:
    for log_format in ("text", "json"):
        logging.config.dictConfigClass(logs.configuration(Settings(log_format=log_format)))
