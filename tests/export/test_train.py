"""The notebook's training on 40,000 stand-in rows, held to the published figures."""

from __future__ import annotations

import hashlib
import json
import re
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import scorer
from export import archive, certificate, compare, notebook, train
from export.__main__ import main
from export.errors import ApprovedDiffersError
from export.publish import figures
from scorer import reading
from scorer.coefficients import FORMATS, NumberInput, TrainingRange
from tests.support.models import SHIPPED
from tests.support.standin import StandIn

pytestmark = pytest.mark.long


@pytest.fixture(scope="module")
def told(stand_in: StandIn) -> tuple[train.Fit, str]:
    said: list[str] = []
    return train.fit(stand_in.train, said.append), "\n".join(said)


@pytest.fixture(scope="module")
def fitted(told: tuple[train.Fit, str]) -> train.Fit:
    return told[0]


def test_l1_selects_exactly_the_approved_variables(fitted: train.Fit) -> None:
    approved = [term["variable"] for term in figures()["final_model"]["terms"]]
    assert sorted(fitted.final.params.index) == sorted(approved)


def test_every_coefficient_is_within_four_standard_errors_of_the_approved_one(fitted: train.Fit) -> None:
    for term in figures()["final_model"]["terms"]:
        difference = fitted.final.params[term["variable"]] - term["coefficient"]
        assert abs(difference) <= 4 * term["std_err"], term["variable"]


def test_the_c_statistic_is_that_of_the_stand_in_model(told: tuple[train.Fit, str]) -> None:
    _, text = told
    everything = float(re.search(r"C-statistic on all rows: (\S+)", text)[1])  # type: ignore[index]
    assert everything == pytest.approx(0.803, abs=0.0015)


def test_it_says_what_the_notebook_printed(told: tuple[train.Fit, str]) -> None:
    _, text = told
    for words in (
        "Read 40,000 rows",
        "Split: train 32,000, validation 4,000, test 4,000",
        "Preprocessed: 121 columns",
        "Selected 25 variables by L1: x5_saturday, ",
        "Preliminary fit on train",
        "C-statistic on train: 0.8",
        "C-statistic on validation: 0.",
        "C-statistic on test: 0.",
        "Final fit on all rows",
        "Cutoff, the 75th percentile of these predictions: 0.7",
    ):
        assert words in text
    assert len(re.findall(r"^\(0\.\d+, 0\.\d+\] +2,000", text, re.MULTILINE)) == 20


@pytest.fixture(scope="module")
def trained(stand_in: StandIn, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A version trained by the command line."""
    out = tmp_path_factory.mktemp("trained")
    command = ["train", "--train", str(stand_in.train), "--name", "glm-26", "--version", "1.1.0", "--out", str(out)]
    assert main(command) == 0
    return out / "glm-26" / "1.1.0.json"


def test_the_file_holds_the_fit_at_full_precision(trained: Path, fitted: train.Fit, stand_in: StandIn) -> None:
    model = scorer.load(trained)
    for term in model.file.terms:
        assert term.coefficient == fitted.final.params[term.variable]
    assert model.file.outcome.cutoff == fitted.cutoff
    provenance = model.file.provenance
    assert (provenance.figures, provenance.rows) == ("fitted", {"train": 32_000, "validation": 4_000, "test": 4_000})
    assert provenance.training_file_sha256 == hashlib.sha256(stand_in.train.read_bytes()).hexdigest()
    assert set(provenance.libraries) == {"numpy", "pandas", "scikit-learn", "statsmodels"}


def test_the_file_holds_the_ranges_of_the_train_split(trained: Path, fitted: train.Fit) -> None:
    file = reading.read(trained)
    numbers = [declared for declared in file.inputs if isinstance(declared, NumberInput)]
    columns = fitted.splits.train[[declared.name for declared in numbers]]
    assert len(numbers) == 96
    assert columns.isna().any().any()
    assert [declared.training_range for declared in numbers] == [
        TrainingRange(smallest, largest)
        for smallest, largest in zip(columns.min().tolist(), columns.max().tolist(), strict=True)
    ]
    assert file.format == FORMATS[-1]


def test_a_trained_model_scores_as_its_own_fit_predicts(trained: Path, fitted: train.Fit, stand_in: StandIn) -> None:
    """The whole chain: sklearn's transformers and statsmodels' results object against the file and the equation."""
    frame = notebook.clean(notebook.read(stand_in.train)).head(5_000)
    selected = list(fitted.final.params.index)
    theirs = fitted.final.predict(notebook.transform(frame, fitted.preprocessing)[selected]).to_numpy()
    ours = scorer.load(trained).score(pd.read_csv(stand_in.train).head(5_000)).phat
    assert np.abs(ours - theirs).max() <= 2e-15


def test_parity_of_a_trained_model_with_statsmodels(trained: Path, stand_in: StandIn) -> None:
    model = scorer.load(trained)
    theirs = certificate.predict(model.file, pd.read_csv(stand_in.test))
    assert np.abs(model.score(stand_in.rows).phat - theirs).max() <= 2e-15


def test_the_same_training_gives_the_same_bytes(
    fitted: train.Fit, stand_in: StandIn, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SOURCE_DATE_EPOCH", "1800000000")
    again = train.fit(stand_in.train, lambda _text: None)
    files = [train.coefficient_file(fit, stand_in.train, "glm-26", "1.1.0", "again") for fit in (fitted, again)]
    assert files[0].to_bytes() == files[1].to_bytes()
    assert files[0].created == "2027-01-15T08:00:00Z"


def run_approved(stand_in: StandIn, approved: Path, out: Path) -> int:
    command = ["train", "--train", str(stand_in.train), "--name", "glm-26", "--version", "2.0.0"]
    return main([*command, "--out", str(out), "--approved", str(approved)])


def test_a_fit_that_is_the_approved_equation_is_written(
    trained: Path, stand_in: StandIn, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The approved file prints four decimals, as the notebook did; the fit agrees with it to these."""
    file = reading.read(trained)
    terms = tuple(replace(term, coefficient=round(term.coefficient, 4)) for term in file.terms)
    approved = archive.write_version(tmp_path / "approved", certificate.certify(replace(file, terms=terms)))
    assert run_approved(stand_in, approved, tmp_path / "out") == 0
    assert "This is the approved equation: 25 variables in order, coefficients equal to 4 decimals" in (
        capsys.readouterr().out
    )
    assert scorer.load(tmp_path / "out" / "glm-26" / "2.0.0.json").file.terms == file.terms


def test_a_fit_that_is_not_the_approved_equation_is_not_written(
    stand_in: StandIn, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run_approved(stand_in, SHIPPED, tmp_path / "out") == 1
    err = capsys.readouterr().err
    assert "x5_saturday: the fit gives -1." in err
    assert "approved is -1.2065" in err
    assert err.endswith("export: this fit is not the approved equation, so nothing was written\n")
    assert not (tmp_path / "out").exists()


def test_an_existing_version_is_not_overwritten(
    trained: Path, stand_in: StandIn, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "out"
    shutil.copytree(trained.parents[1], out)
    before = trained.read_bytes()
    (out / "glm-26" / "2.0.0.json").write_bytes(before)
    assert run_approved(stand_in, trained, out) == 2
    assert "exists with other bytes: a version is immutable" in capsys.readouterr().err
    assert (out / "glm-26" / "2.0.0.json").read_bytes() == before


def test_diff_of_two_versions(trained: Path, stand_in: StandIn, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["diff", str(SHIPPED), str(trained), "--rows", str(stand_in.test)]) == 1
    out = capsys.readouterr().out
    assert "version: '1.0.1' → '1.1.0'" in out
    assert re.search(r"^input x12 training_range: None → TrainingRange\(min=-[\d.]+, max=[\d.]+\)$", out, re.MULTILINE)
    assert re.search(r"^term x5_saturday: -1\.2065 → -1\.\d+$", out, re.MULTILINE)
    assert re.search(r"^outcome cutoff: 0\.712 → 0\.7\d+$", out, re.MULTILINE)
    old, new = (scorer.load(path).score(stand_in.rows) for path in (SHIPPED, trained))
    largest = np.abs(old.phat - new.phat).max()
    flipped = int((old.outcome != new.outcome).sum())
    assert f"10,000 rows: largest |Δphat| {largest:.3e}," in out
    assert out.endswith(f"outcomes flipped {flipped:,}\n")


def test_diff_of_a_file_with_itself(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["diff", str(SHIPPED), str(SHIPPED)]) == 0
    assert capsys.readouterr().out == "the files say the same\n"


def test_every_kind_of_difference_is_named(trained: Path) -> None:
    old = reading.read(trained)
    document = json.loads(old.to_bytes())
    document["certificate"]["rows"] = document["certificate"]["rows"][:1]
    document["inputs"][0]["kind"] = "percent"
    document["inputs"][82] = {**document["inputs"][1], "name": "x82"}
    document["inputs"][98]["training_range"]["max"] = 1e9
    document["inputs"][99]["name"] = "x100"
    document["terms"] = [*document["terms"][1:-1], {"variable": "x0", "input": "x0", "coefficient": 1.0}]
    document["intercept"] = 0.5
    document["certificate"]["rows"][0]["variables"] = {term["variable"]: 0 for term in document["terms"]}
    new = reading.parse(json.dumps(document).encode())
    lines = list(compare.differences(old, new))
    for start in (
        "intercept: 0.0 → 0.5",
        "input x0 kind: 'number' → 'percent'",
        "input x82 kind: 'category' → 'number'",
        f"input x98 training_range: {old.inputs[98].training_range!r} → TrainingRange(min=",  # type: ignore[union-attr]
        "input x99: only in the first",
        "input x100: only in the second",
        f"term {old.terms[0].variable}: only in the first",
        "term x0: only in the second, 1.0",
    ):
        assert any(line.startswith(start) for line in lines), start
    moved = replace(old, inputs=old.inputs[::-1], terms=old.terms[::-1])
    assert list(compare.differences(old, moved)) == [
        "the inputs stand in another order",
        "the terms are summed in another order",
    ]


def test_every_difference_from_the_approved_equation_is_named(trained: Path) -> None:
    approved = reading.read(trained)
    first, second, *others = approved.terms
    swapped = replace(approved, terms=(second, first, *others))
    with pytest.raises(ApprovedDiffersError) as caught:
        compare.require_approved(swapped, approved)
    assert caught.value.differences[0].startswith("the variables are the approved ones in another order: ")
    other = replace(approved, terms=(replace(first, variable="x0"), second, *others), intercept=0.1)
    with pytest.raises(ApprovedDiffersError) as caught:
        compare.require_approved(other, approved)
    assert caught.value.differences[:2] == (
        f"{first.variable}: approved, but not selected",
        "x0: selected, but not approved",
    )
    assert caught.value.differences[2].startswith("intercept: the fit gives 0.1")
    assert compare.require_approved(approved, approved) >= 10
