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
from scorer.coefficients import CategoryInput, CoefficientFile, NumberInput
from tests.support.models import SHIPPED
from tests.support.paths import ROOT


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


def test_the_page_on_the_shipped_model_has_the_published_figures(model: scorer.Scorer) -> None:
    page = (ROOT / "docs" / "coefficient-file.md").read_text().partition("## The shipped model")[2]
    text = " ".join(page.split())
    figures = publish.figures()
    counts = figures["target"]["train_counts"]
    above = sum(positives for _, _, positives in figures["bins_seen_by_the_business_partner"]["bins"][-5:])
    c = figures["c_statistic_of_preliminary_model"]
    assert f"In training {counts['1'] / sum(counts.values()):.1%} of".replace("%", " %") in text
    assert f"{model.file.outcome.cutoff} is the lower edge of the 16th of 20 bins" in text
    assert f"{above:,} positives in 10,000 rows: {above / 10_000:.0%} of".replace("%", " %") in text
    assert f"and {above / counts['1']:.0%} of all positives".replace("%", " %") in text
    assert f"{c['train']:.3f} on train, {c['validation']:.3f} on validation, {c['test']:.3f} on test" in text
    assert f"rank worse than {c['all']:.2f} or hold fewer than {above / 10_000:.0%} buyers".replace("%", " %") in text


def test_the_page_on_the_shipped_model_names_what_scores_as_the_baseline(model: scorer.Scorer) -> None:
    page = (ROOT / "docs" / "coefficient-file.md").read_text().partition("## The shipped model")[2]
    declared = [known for known in model.file.inputs if isinstance(known, CategoryInput)]
    assert ", ".join(f"`{known.baseline}`" for known in declared) == "`friday`, `america`, `April`, `Female`"
    assert "`friday`, `america`, `April` and `Female` are baselines" in page
    used = {(term.input, term.level) for term in model.file.terms}
    inputs = {name for name, _ in used}
    dropped = [
        level
        for known in declared
        for level in known.levels
        if known.name in inputs and level != known.baseline and (known.name, level) not in used
    ]
    assert dropped == ["thursday", "wednesday"]
    assert " and ".join(f"`{level}`" for level in dropped) in page
    assert [known.name for known in declared if known.name not in inputs] == ["x82"]
    cells = dict.fromkeys(inputs)
    missing, thursday = model.score([cells, {**cells, "x5": "thursday"}]).phat
    assert missing == thursday == pytest.approx(0.5, abs=1e-15)
