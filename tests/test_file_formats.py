"""Formats of the coefficient file: old files keep their bytes and their scores, and what is written is read back."""

from __future__ import annotations

import copy
import hashlib
import json
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

import scorer
from scorer import reading
from scorer.coefficients import FORMATS, NumberInput, TrainingRange
from tests.support.models import FORMAT_1, RELEASED_1_0_0, SHIPPED, SMALL_BY_FORMAT, with_ranges
from tests.support.standin import StandIn


def test_a_released_version_keeps_its_bytes() -> None:
    digest = hashlib.sha256(RELEASED_1_0_0.read_bytes()).hexdigest()
    assert digest == "8865ad1332e12ce6014d5077afc79b4f889ec6587a9d5535383d198d87ccfc4f"


@pytest.mark.parametrize(
    ("path", "file_format"), [(RELEASED_1_0_0, 1), (FORMAT_1, 1), (SHIPPED, 3)], ids=["1.0.0", "small", "shipped"]
)
def test_a_file_is_written_in_the_format_it_was_read_in(path: Path, file_format: int) -> None:
    file = reading.read(path)
    assert (file.format, file.to_bytes()) == (file_format, path.read_bytes())


def test_the_shipped_version_is_the_released_equation_in_format_3() -> None:
    released, shipped = reading.read(RELEASED_1_0_0), reading.read(SHIPPED)
    own = {name: getattr(released, name) for name in ("format", "version", "certificate", "sha256")}
    assert replace(shipped, **own) == released


@pytest.mark.parametrize("file_format", FORMATS)
def test_canonical_bytes_round_trip(file_format: int) -> None:
    document = SMALL_BY_FORMAT[file_format]
    file = reading.parse(json.dumps(document).encode())
    again = reading.parse(file.to_bytes())
    assert json.loads(file.to_bytes()) == document
    assert replace(again, sha256=file.sha256) == file
    assert again.to_bytes() == file.to_bytes()


@given(st.data(), st.sampled_from(FORMATS))
def test_any_finite_figures_round_trip(data: st.DataObject, file_format: int) -> None:
    finite = st.floats(allow_nan=False, allow_infinity=False)
    document = copy.deepcopy(SMALL_BY_FORMAT[file_format])
    document["intercept"] = data.draw(finite)
    for term in document["terms"]:
        term["coefficient"] = data.draw(finite)
    document["inputs"][0]["scaler_scale"] = data.draw(st.floats(min_value=5e-324, allow_infinity=False))
    if "training_range" in document["inputs"][0]:
        smallest, largest = sorted(data.draw(st.tuples(finite, finite)))
        document["inputs"][0]["training_range"] = {"min": smallest, "max": largest}
    document["description"] = data.draw(st.text(min_size=1, alphabet=st.characters(exclude_categories=["Cs"])))
    file = reading.parse(json.dumps(document).encode())
    assert reading.parse(file.to_bytes()).document() == file.document() == document


def ranges(file_format: int) -> list[TrainingRange | None]:
    file = reading.parse(json.dumps(SMALL_BY_FORMAT[file_format]).encode())
    return [declared.training_range for declared in file.inputs if isinstance(declared, NumberInput)]


def test_a_range_is_known_or_null_and_unknown_in_format_1() -> None:
    assert (ranges(1), ranges(2), ranges(3)) == ([None, None], *[[TrainingRange(12.5, 97.0), None]] * 2)


def test_the_format_changes_no_bit_of_a_score(model: scorer.Scorer, stand_in: StandIn) -> None:
    file = with_ranges(model.file, {"x12": TrainingRange(0.0, 0.0), "x91": TrainingRange(0.1, 0.2)})
    newer = scorer.Scorer(reading.parse(file.to_bytes()))
    assert newer.file.inputs == file.inputs != model.file.inputs
    old, new = model.score(stand_in.rows), newer.score(stand_in.rows)
    assert (old.phat.tolist(), old.to_rows()) == (new.phat.tolist(), new.to_rows())
