from __future__ import annotations

import json
import pickle
import random
import zlib
from concurrent.futures import ProcessPoolExecutor
from dataclasses import replace
from multiprocessing import get_context
from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

import scorer
from export import certificate
from scorer import reading
from scorer.equation import CHUNK_ROWS
from scorer.errors import BadRowsError, CertificateError, EditedFileError, Problem
from tests.support.models import SMALL
from tests.support.standin import StandIn

MODEL = scorer.load()
LEVELS = {i.name: i.levels for i in MODEL.equation.inputs if i.kind == "category" and hasattr(i, "levels")}


def small_model(**changes: Any) -> scorer.Scorer:
    return scorer.Scorer(reading.parse(json.dumps({**SMALL, **changes}).encode()))


cell = st.none() | st.floats(-1e6, 1e6) | st.floats(-1e6, 1e6).map(repr)
rows = st.lists(
    st.fixed_dictionaries(
        {"x0": st.just(1)},
        optional={
            name: st.sampled_from([*LEVELS[name], "no such level", None]) if name in LEVELS else cell
            for name in (declared.name for declared in MODEL.equation.inputs)
        },
    ),
    min_size=1,
    max_size=40,
)


def test_a_row_with_all_inputs(model: scorer.Scorer, row: dict[str, Any]) -> None:
    scores = model.score(row)
    assert scores.phat.shape == scores.outcome.shape == (1,)
    assert (str(scores.phat.dtype), str(scores.outcome.dtype)) == ("float64", "int64")
    answer = scores.to_rows()[0]
    assert (answer["phat"], answer["business_outcome"]) == (scores.phat[0], 0)
    assert len(answer) == 27
    assert list(answer) == sorted(answer)
    assert (answer["x5_monday"], answer["x5_sunday"], answer["x31_asia"], answer["x81_March"]) == (1, 0, 1, 1)
    assert answer["x91"] == (row["x91"] - 0.25296330472992057) / 0.28770324616210396
    assert all(type(value) is (int if "_" in key else float) for key, value in answer.items())


def test_parity_with_statsmodels(model: scorer.Scorer, stand_in: StandIn) -> None:
    ours = model.score(stand_in.rows).phat
    theirs = certificate.predict(model.file, pd.read_csv(stand_in.test))
    assert len(ours) == 10_000
    assert np.abs(ours - theirs).max() <= 2e-15


def test_parity_fails_where_a_coefficient_is_another(model: scorer.Scorer, stand_in: StandIn) -> None:
    first, *others = model.file.terms
    terms = (replace(first, coefficient=first.coefficient + 1e-13), *others)
    theirs = certificate.statsmodels_phat(replace(model.file, terms=terms), stand_in.rows[:1000])
    assert np.abs(model.score(stand_in.rows[:1000]).phat - theirs).max() > 2e-15


def test_same_bits_alone_in_a_batch_and_in_any_order(model: scorer.Scorer, stand_in: StandIn) -> None:
    together = model.score(stand_in.rows).to_rows()
    assert [model.score(row).to_rows()[0] for row in stand_in.rows[:2000]] == together[:2000]
    order = list(range(10_000))
    random.Random(1).shuffle(order)
    shuffled = model.score([stand_in.rows[index] for index in order]).to_rows()
    assert shuffled == [together[index] for index in order]


@given(rows)
def test_a_batch_is_its_rows_one_by_one(batch: list[dict[str, Any]]) -> None:
    together = MODEL.score(batch).to_rows()
    assert together == [MODEL.score([row]).to_rows()[0] for row in batch]
    assert MODEL.score(batch[::-1]).to_rows() == together[::-1]


@given(rows, st.randoms())
def test_the_order_of_keys_and_unknown_keys_do_not_matter(batch: list[dict[str, Any]], rng: random.Random) -> None:
    shuffled = []
    for row in batch:
        items = [*row.items(), ("no_input_of_the_model", object())]
        rng.shuffle(items)
        shuffled.append(dict(items))
    assert MODEL.score(shuffled).to_rows() == MODEL.score(batch).to_rows()


@given(rows, st.data())
def test_phat_moves_the_way_of_the_coefficient(batch: list[dict[str, Any]], data: st.DataObject) -> None:
    term = data.draw(st.sampled_from([t for t in MODEL.file.terms if t.input not in LEVELS]))
    low, high = sorted((data.draw(st.floats(-1e5, 1e5)), data.draw(st.floats(-1e5, 1e5))))
    before = MODEL.score([{**row, term.input: low} for row in batch]).phat
    after = MODEL.score([{**row, term.input: high} for row in batch]).phat
    difference = (after - before) * np.sign(term.coefficient)
    assert (difference >= -1.2e-16).all()


def test_everything_missing(model: scorer.Scorer) -> None:
    inputs = [declared.name for declared in model.equation.inputs]
    for row in ({"x0": 1}, {"x5": None}, dict.fromkeys(inputs, "NA"), dict.fromkeys(inputs, "")):
        scores = model.score(row)
        assert scores.phat[0] == pytest.approx(0.5, abs=1e-15)
        assert set(scores.missing) == set(inputs)


def test_unknown_levels_score_as_the_baseline_and_are_counted(model: scorer.Scorer, row: dict[str, Any]) -> None:
    baselines = {"x5": "friday", "x31": "america", "x81": "April"}
    unknown = model.score([{**row, **dict.fromkeys(baselines, "no such level")}, {**row, "x5": "Friday"}])
    assert unknown.phat[0] == model.score({**row, **baselines}).phat[0]
    assert unknown.unknown_levels == {"x5": 2, "x31": 1, "x81": 1}
    assert unknown.missing == {}


def test_bad_cells_are_listed_in_row_order(model: scorer.Scorer, row: dict[str, Any]) -> None:
    with pytest.raises(BadRowsError) as caught:
        model.score([row, {**row, "x91": "abc", "x5": True}, {**row, "x12": "$x"}])
    assert [(p.row, p.field, p.code) for p in caught.value.problems] == [
        (1, "x5", "wrong_type"),
        (1, "x91", "not_a_number"),
        (2, "x12", "not_a_number"),
    ]
    assert str(caught.value) == "row 1, x5: expected text, got true or false (and 2 more)"


def test_only_the_first_problems_are_listed_but_all_are_counted(model: scorer.Scorer) -> None:
    with pytest.raises(BadRowsError) as caught:
        model.score([{"x12": "abc"}] * 50)
    assert (len(caught.value.problems), caught.value.total) == (20, 50)


def test_numbers_too_large_to_standardize(model: scorer.Scorer) -> None:
    with pytest.raises(BadRowsError) as caught:
        model.score([{"x44": 1.0}, {"x44": 1.7e308}])
    message = "the number is too large for the equation in float64"
    assert caught.value.problems == (Problem(1, "x44", "not_finite", message),)


def test_long_columns_have_the_same_bits_and_the_same_errors(model: scorer.Scorer, stand_in: StandIn) -> None:
    """Longer than a chunk, so that they are evaluated in chunks."""
    times = 2 * CHUNK_ROWS // 10_000 + 1
    columns: dict[str, list[Any]] = {
        name: [row[name] for row in stand_in.rows] * times for name in ("x5", "x12", "x44")
    }
    short = model.score({name: column[:10_000] for name, column in columns.items()})
    long = model.score(columns)
    assert long.phat.tolist() == short.phat.tolist() * times
    assert {key: column.tolist() for key, column in long.columns().items()} == {
        key: column.tolist() * times for key, column in short.columns().items()
    }
    columns["x44"][-1] = 1.7e308
    with pytest.raises(BadRowsError) as caught:
        model.score(columns)
    assert [(p.row, p.field) for p in caught.value.problems] == [(10_000 * times - 1, "x44")]


def test_a_sum_beyond_float64_names_the_row(small: dict[str, Any]) -> None:
    small["terms"][1]["coefficient"] = -1e300
    small["terms"][2]["coefficient"] = 1.7e308
    model = scorer.Scorer(reading.parse(json.dumps(small).encode()))
    with pytest.raises(BadRowsError) as caught:
        model.score({"the rate": -1e12, "colour": "bright green"})
    assert [(p.row, p.field, p.code) for p in caught.value.problems] == [(0, None, "not_finite")]


def test_a_model_of_another_shape() -> None:
    model = small_model()
    scores = model.score([{"the rate": "60%", "colour": "bright green"}, {"the rate": 40, "colour": "NA"}])
    assert scores.variables["the rate"].tolist() == [1.0, -1.0]
    assert scores.to_rows()[0] == {
        "bought": 0,
        "colour is bright green": 1,
        "colour is unknown": 0,
        "p": pytest.approx(1 / (1 + np.exp(1.25)), abs=1e-15),
        "the rate": 1.0,
    }
    assert scores.outcome.tolist() == [0, 1]
    assert scores.phat[1] == pytest.approx(1 / (1 + np.exp(-3.25)), abs=1e-15)


def test_a_certificate_that_is_not_reproduced(small: dict[str, Any]) -> None:
    small["certificate"]["rows"][0]["phat"] += 1e-14
    with pytest.raises(CertificateError) as caught:
        scorer.Scorer(reading.parse(json.dumps(small).encode()), "small.json")
    assert caught.value.at == "$.certificate.rows[0].phat"
    assert "golden row 'missing' should give phat" in caught.value.reason


def test_a_golden_row_that_cannot_be_scored(small: dict[str, Any]) -> None:
    small["certificate"]["rows"].append({"about": "text", "cells": {"the rate": "abc"}, "phat": 0.5})
    with pytest.raises(CertificateError) as caught:
        scorer.Scorer(reading.parse(json.dumps(small).encode()))
    assert caught.value.at == "$.certificate.rows[1]"


def test_a_scorer_can_be_pickled_and_shown(model: scorer.Scorer, row: dict[str, Any]) -> None:
    pickled = pickle.dumps(model)
    again = pickle.loads(pickled)
    assert again is not model
    assert again.file == model.file
    assert again.score(row).to_rows() == model.score(row).to_rows()
    assert repr(again) == repr(model)
    assert repr(model).startswith("<Scorer glm-26 1.0.1 sha256=")
    assert repr(model.score({"x0": 1})) == "Scores(phat=array([0.5]), outcome=array([0]))"
    assert len(pickled) < 16_384


def test_a_pickle_has_the_sha256_of_the_bytes_that_were_read(small: dict[str, Any]) -> None:
    indented = scorer.Scorer(reading.parse(json.dumps(small, indent=8).encode()))
    assert pickle.loads(pickle.dumps(indented)).file == indented.file


def test_a_process_certifies_a_pickle_once(model: scorer.Scorer) -> None:
    assert pickle.loads(pickle.dumps(model)) is pickle.loads(pickle.dumps(model))


def test_other_processes_score_and_say_which_row_is_bad(model: scorer.Scorer) -> None:
    batches: list[dict[str, list[Any]]] = [{"x12": ["$5", "($1,204.50)", None]}, {"x12": ["$6", "five", "six"]}]
    with ProcessPoolExecutor(1, get_context("spawn")) as processes:
        good, bad = (processes.submit(model.score, batch) for batch in batches)
        assert good.result().phat.tobytes() == model.score(batches[0]).phat.tobytes()
        with pytest.raises(BadRowsError, match=r"^row 1, x12: the text is not a number \(and 1 more\)$") as caught:
            bad.result()
    assert [problem.row for problem in caught.value.problems] == [1, 2]


@pytest.mark.parametrize("engine", ["in-memory", "streaming"])
def test_an_expression_of_polars_says_which_cell_is_bad(model: scorer.Scorer, engine: Any) -> None:
    query = pl.LazyFrame({"x12": ["$5", "five"]}).select(
        pl.col("x12").map_batches(
            lambda amounts: pl.Series(model.score({"x12": amounts}).phat), return_dtype=pl.Float64, is_elementwise=True
        )
    )
    with pytest.raises(BadRowsError, match=r"^row \d, x12: the text is not a number\n"):
        query.collect(engine=engine)


def test_an_edited_file_in_a_pickle_is_refused(model: scorer.Scorer) -> None:
    unpickle, (packed, sha256) = model.__reduce__()
    edited = zlib.compress(zlib.decompress(packed).replace(b"0.712", b"0.711"))
    assert edited != packed
    with pytest.raises(EditedFileError, match=r"^pickled coefficient file: .*edited since it was certified"):
        unpickle(edited, sha256)


def test_a_pickle_that_this_machine_does_not_reproduce_is_refused(small: dict[str, Any]) -> None:
    unpickle, (packed, sha256) = scorer.Scorer(reading.parse(json.dumps(small).encode())).__reduce__()
    document = json.loads(zlib.decompress(packed))
    document["certificate"]["rows"][0]["phat"] += 1e-9
    with pytest.raises(CertificateError, match=r"^pickled coefficient file: .*certificate"):
        unpickle(zlib.compress(json.dumps(document).encode()), sha256)


def test_the_used_inputs_are_the_columns_that_are_read(model: scorer.Scorer, row: dict[str, Any]) -> None:
    assert model.used == ("x5", "x12", "x31", "x44", "x53", "x56", "x58", "x62", "x81", "x91")
    assert model.score({name: row[name] for name in model.used}).phat == model.score(row).phat
