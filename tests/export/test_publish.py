from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

import scorer
from export import publish
from export.__main__ import main
from export.errors import VersionExistsError
from scorer import reading
from scorer.coefficients import CoefficientFile, NumberInput
from tests.support.models import SHIPPED


@pytest.fixture(scope="module")
def published() -> CoefficientFile:
    return publish.published_file()


def test_the_figures_are_the_shipped_file(published: CoefficientFile) -> None:
    assert publish.reproduces(published, reading.read(SHIPPED))


def test_the_equation_is_the_approved_one_as_printed(model: scorer.Scorer) -> None:
    figures = json.loads((Path(publish.__file__).parent / "published.json").read_text())
    printed = [(term["variable"], term["coefficient"]) for term in figures["final_model"]["terms"]]
    assert [(term.variable, term.coefficient) for term in model.file.terms] == printed
    parameters = {row["name"]: row for row in figures["numeric"]}
    assert len(parameters) == 96
    for declared in model.file.inputs:
        if isinstance(declared, NumberInput):
            mine = (declared.imputer_mean, declared.scaler_mean, declared.scaler_scale)
            theirs = parameters[declared.name]
            assert mine == (theirs["imputer_mean"], theirs["scaler_mean"], theirs["scaler_scale"])
    assert figures["bins_seen_by_the_business_partner"]["bins"][15][0] == model.file.outcome.cutoff


def test_publish_writes_a_directory_that_serves(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["publish", "--out", str(tmp_path)]) == 0
    model = scorer.load(tmp_path)
    assert model.file.version == "1.0.1"
    assert capsys.readouterr().out == f"wrote {tmp_path}/glm-26/1.0.1.json\nsha256 {model.file.sha256}\n"
    assert main(["publish", "--out", str(tmp_path)]) == 0
    assert "exists already and is reproduced" in capsys.readouterr().out


def test_last_bits_of_a_golden_phat_are_reproduced_others_are_not(published: CoefficientFile) -> None:
    first, *others = published.certificate.rows

    def moved(by: float) -> CoefficientFile:
        rows = (replace(first, phat=first.phat + by), *others)
        return replace(published, certificate=replace(published.certificate, rows=rows, computed_by="another"))

    def entering(by: float) -> CoefficientFile:
        variables = {**(first.variables or {}), "x91": (first.variables or {})["x91"] + by}
        rows = (replace(first, variables=variables), *others)
        return replace(published, certificate=replace(published.certificate, rows=rows))

    for change in (moved, entering):
        assert publish.reproduces(published, change(1e-16))
        assert not publish.reproduces(published, change(1e-14))
    fewer = replace(published, certificate=replace(published.certificate, rows=tuple(others)))
    assert not publish.reproduces(published, fewer)
    assert not publish.reproduces(fewer, published)
    assert not publish.reproduces(published, replace(published, intercept=1e-9))


def test_a_version_is_never_overwritten(tmp_path: Path, published: CoefficientFile) -> None:
    path = tmp_path / "glm-26" / "1.0.1.json"
    path.parent.mkdir()
    other = replace(published, description="other")
    path.write_bytes(other.to_bytes())
    with pytest.raises(VersionExistsError, match="the published figures do not reproduce it"):
        publish.publish(tmp_path)
    assert path.read_bytes() == other.to_bytes()
