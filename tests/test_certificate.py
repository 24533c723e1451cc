"""What a certificate finds: from format 3 on, any edit of any value."""

from __future__ import annotations

import copy
import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import scorer
from scorer import errors, reading
from scorer.certificate import not_covered
from scorer.coefficients import FORMATS
from tests.support.models import RELEASED_1_0_0, SHIPPED, SMALL_BY_FORMAT, sealed
from tests.support.paths import ROOT

pytestmark = pytest.mark.long

Keys = tuple[str | int, ...]


def load(document: Any) -> scorer.Scorer:
    return scorer.Scorer(reading.parse(json.dumps(document).encode(), "file.json"), "file.json")


def nodes(node: Any, path: Keys = ()) -> Iterator[tuple[Keys, Any]]:
    """All values of a document, the document itself included, with their paths."""
    yield path, node
    members = node.items() if isinstance(node, dict) else enumerate(node) if isinstance(node, list) else ()
    for key, value in members:
        yield from nodes(value, (*path, key))


def edits(value: Any) -> Iterator[Any]:
    """Other values: the next number, another text; an object or array with one member less, or two in another order."""
    if isinstance(value, dict):
        for key in value:
            yield {name: member for name, member in value.items() if name != key}
    elif isinstance(value, list):
        for index in range(len(value)):
            yield value[:index] + value[index + 1 :]
            yield value[:index] + value[index : index + 2][::-1] + value[index + 2 :]
    elif value is None:
        yield from ("x", 0.0)
    elif isinstance(value, str):
        yield from (value + "x", value[1:], value.swapcase())
    elif isinstance(value, int):
        yield from (1 - value, value + 1, value + 0.5)
    else:
        yield from (value * (1 + 2**-52) or 5e-324, -value, 0.5)


def edited(document: dict[str, Any], path: Keys, value: Any) -> Any:
    """A document with another value at a path."""
    if not path:
        return value
    changed = copy.copy(document)
    node: Any = changed
    for key in path[:-1]:
        node[key] = node = copy.copy(node[key])
    node[path[-1]] = value
    return changed


def test_every_value_of_the_shipped_file_edited_one_at_a_time_is_refused() -> None:
    document = json.loads(SHIPPED.read_bytes())
    load(document)
    values = [(path, value) for path, value in nodes(document) if not isinstance(value, dict | list)]
    assert len(values) > 2_500
    for path, value in values:
        other = next(edits(value))
        assert other != value
        with pytest.raises(errors.CoefficientFileError):
            load(edited(document, path, other))


def test_every_edit_of_a_small_file_is_refused() -> None:
    document = SMALL_BY_FORMAT[3]
    count = 0
    for path, value in nodes(document):
        for other in edits(value):
            if other != value:
                count += 1
                with pytest.raises(errors.CoefficientFileError):
                    load(edited(document, path, other))
    assert count > 200


@pytest.mark.parametrize("file_format", [1, 2])
def test_before_format_3_a_cutoff_can_be_edited_and_the_file_says_so(file_format: int) -> None:
    model = load(edited(SMALL_BY_FORMAT[file_format], ("outcome", "cutoff"), 0.25))
    assert model.file.outcome.cutoff == 0.25
    assert "the outcome with its cutoff" in not_covered(model.file)


def test_from_format_3_on_everything_is_covered() -> None:
    covered = [file_format for file_format in FORMATS if not not_covered(load(SMALL_BY_FORMAT[file_format]).file)]
    assert covered == [3]


@pytest.mark.parametrize(
    ("path", "value", "at", "reason"),
    [
        (("outcome", "cutoff"), 0.5, "$.outcome", "; golden row 'x81 missing' should have outcome 0 and has 1"),
        (
            ("outcome", "cutoff"),
            0.7120001,
            "$.outcome",
            "; golden row 'phat just above the cutoff' should have outcome",
        ),
        (("outcome", "cutoff"), 0.712 + 1e-12, "$.outcome", "is not the one in the certificate"),
        (("terms", 3, "coefficient"), 0.5, "$.terms", "should give phat "),
        (("inputs", 12, "scaler_mean"), 0.0, "$.inputs", "; golden row 'typical 1' should have x12 = "),
        (("inputs", 0, "scaler_mean"), 0.0, "$.inputs", "is not the one in the certificate"),
        (("certificate", "rows", 3, "phat"), 0.5, "$.certificate", "; golden row 'typical 4' should give phat 0.5"),
        (("certificate", "rows", 3, "variables", "x91"), 0.5, "$.certificate", "'typical 4' should have x91 = 0.5"),
        (("certificate", "tolerance"), 1e-15, "$.certificate", "is not the one in the certificate"),
        (("certificate", "sha256", "version"), "0" * 64, "$.version", "is not the one in the certificate"),
        (("provenance", "rows", "train"), 1, "$.provenance", "is not the one in the certificate"),
    ],
)
def test_an_edit_is_named_where_it_can_be_told(path: Keys, value: Any, at: str, reason: str) -> None:
    with pytest.raises(errors.EditedFileError) as caught:
        load(edited(json.loads(SHIPPED.read_bytes()), path, value))
    assert caught.value.at == at
    assert reason in caught.value.reason


def test_two_edits_are_both_named() -> None:
    document = edited(SMALL_BY_FORMAT[3], ("version",), "0.1.1")
    with pytest.raises(errors.EditedFileError, match=r"^file\.json: \$\.version, \$\.intercept: edited since"):
        load(edited(document, ("intercept",), 0.25))


@pytest.mark.parametrize(
    ("path", "value", "at"),
    [
        (("terms", 3, "coefficient"), 0.5, ".phat"),
        (("inputs", 12, "scaler_mean"), 0.0, ".variables.x12"),
        (("outcome", "cutoff"), 0.712001, ".outcome"),
    ],
)
def test_an_edit_with_hashes_made_anew_is_found_by_the_golden_rows(path: Keys, value: float, at: str) -> None:
    document = sealed(edited(json.loads(SHIPPED.read_bytes()), path, value))
    with pytest.raises(errors.CertificateError) as caught:
        load(document)
    assert caught.value.at.endswith(at)


def test_only_a_signature_keeps_out_hashes_made_anew_where_no_golden_row_depends_on_the_edit() -> None:
    document = edited(json.loads(SHIPPED.read_bytes()), ("outcome", "cutoff"), 0.5)
    rows = document["certificate"]["rows"]
    certified = {**document["certificate"], "rows": [row for row in rows if (row["phat"] > 0.5) == row["outcome"]]}
    assert load(sealed({**document, "certificate": certified})).file.outcome.cutoff == 0.5


def test_anyone_can_make_the_hashes() -> None:
    """By the commands that docs/coefficient-file.md shows."""
    (commands,) = re.findall(r"```sh\n(.*?)```", (ROOT / "docs" / "coefficient-file.md").read_text(), re.DOTALL)
    environment = {**os.environ, "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}"}
    done = subprocess.run(
        ["bash", "-c", commands], cwd=ROOT, env=environment, capture_output=True, check=True, text=True
    )
    printed = {key: digest for digest, key in map(str.split, done.stdout.splitlines())}
    assert printed == json.loads(SHIPPED.read_bytes())["certificate"]["sha256"]


def test_the_released_file_is_read_as_before() -> None:
    released = reading.read(RELEASED_1_0_0)
    assert released.certificate.sha256 is None
    assert {(row.outcome, row.variables) for row in released.certificate.rows} == {(None, None)}
    assert scorer.load(RELEASED_1_0_0).certificate_error <= released.certificate.tolerance
