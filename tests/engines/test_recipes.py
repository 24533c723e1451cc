"""Every recipe of docs/engines.md runs as it stands there, and gives the library's scores to the bit."""

from __future__ import annotations

import os
import re
import shutil
import signal
from pathlib import Path
from typing import Any

import numpy as np
import obstore
import pyarrow as pa
import pyarrow.dataset
import pyarrow.parquet
import pytest
from obstore.store import S3Store

import scorer
from tests.engines.conftest import SETTINGS
from tests.support import recipes, servers
from tests.support.paths import ROOT
from tests.support.recipes import Block, differences
from tests.support.skips import needs
from tests.support.stores import s3

RECIPES = recipes.recipes((ROOT / "docs" / "engines.md").read_text())
CRON = "Cron"
IN_A_DIRECTORY = [
    pytest.param(heading, marks=[needs("java")] if any("spark" in block.text for block in blocks) else [])
    for heading, blocks in RECIPES.items()
    if heading not in ("", CRON)
]
WITH_A_BAD_CELL = ("pandas", "polars (eager)", "polars (lazy)", "DuckDB (table)", "DuckDB (UDF)", "Dask")
"""Spark and MLflow have tests of their own."""


@pytest.fixture(scope="module")
def rows(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A directory with `rows/`, made as the page says, with more kinds of cells."""
    directory = tmp_path_factory.mktemp("recipes")
    recipes.run(RECIPES[""], directory)
    before = pyarrow.dataset.dataset(directory / "rows").to_table()
    assert len(before) == 2000
    for path in (directory / "rows").iterdir():
        table = recipes.with_all_kinds_of_cells(pyarrow.parquet.read_table(path))
        pyarrow.parquet.write_table(table, path)
    (directory / "sample.parquet").unlink()
    return directory


@pytest.fixture(scope="module")
def expected(rows: Path, model: scorer.Scorer) -> Any:
    """The scores of these rows by the library."""
    table = pyarrow.dataset.dataset(rows / "rows").to_table().sort_by("id")
    scores = model.score(table)
    assert {*scores.missing} == {*model.used}
    assert {*scores.unknown_levels} == {"x5"}
    return scores.to_arrow(keep=table.select(["id"]))


@pytest.fixture
def directory(rows: Path, tmp_path: Path) -> Path:
    """An empty directory with a copy of `rows/`."""
    shutil.copytree(rows / "rows", tmp_path / "rows")
    return tmp_path


@pytest.fixture
def spark_settings(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """Variables by which Spark starts as in other tests."""
    directory = tmp_path_factory.mktemp("spark")
    own = {
        "spark.master": "local[2]",
        "spark.local.dir": str(directory),
        "spark.sql.warehouse.dir": str(directory),
    }
    lines = (f"{name} {value}\n" for name, value in {**SETTINGS, **own}.items())
    (directory / "spark-defaults.conf").write_text("".join(lines))
    return {"SPARK_CONF_DIR": str(directory)}


@pytest.mark.parametrize("heading", IN_A_DIRECTORY)
def test_a_recipe_gives_the_scores_of_the_library(
    heading: str, directory: Path, expected: Any, spark_settings: dict[str, str]
) -> None:
    blocks = RECIPES[heading]
    recipes.run(blocks, directory, spark_settings)
    written = [*directory.glob("scores*")]
    assert len(written) == sum(block.language == "python" for block in blocks) > 0
    for path in written:
        assert differences(pyarrow.dataset.dataset(path).to_table(), expected) == []


def test_cron_scores_a_prefix_and_then_only_what_has_arrived(directory: Path, expected: Any) -> None:
    first, *others = sorted((directory / "rows").iterdir())
    (directory / "scores").mkdir()
    with s3("bucket") as variables:
        store = S3Store(
            "bucket",
            access_key_id=variables["AWS_ACCESS_KEY_ID"],
            secret_access_key=variables["AWS_SECRET_ACCESS_KEY"],
            region=variables["AWS_REGION"],
            endpoint=variables["AWS_ENDPOINT_URL"],
            client_options={"allow_http": True},
        )
        for path in others:
            store.put(f"rows/{path.name}", path)
        assert "scored 1,500 rows" in recipes.run(RECIPES[CRON], directory, variables)
        store.put(f"rows/{first.name}", first)
        assert "scored 500 rows" in recipes.run(RECIPES[CRON], directory, variables)
        (listed,) = [*obstore.list(store, "scores", chunk_size=100)]
        keys = [each["path"] for each in listed if each["path"].endswith(".parquet")]
        for key in keys:
            (directory / key).write_bytes(store.get(key).bytes())
    assert len(keys) == len(others) + 1
    assert differences(pyarrow.dataset.dataset(directory / "scores").to_table(), expected) == []


@pytest.mark.parametrize("heading", WITH_A_BAD_CELL)
def test_a_bad_cell_fails_a_recipe_and_is_named_without_its_value(heading: str, directory: Path) -> None:
    path = max((directory / "rows").iterdir())
    table = pyarrow.parquet.read_table(path)
    amounts = pa.array([*table["x12"].to_pylist()[:-1], "a secret"])
    pyarrow.parquet.write_table(table.set_column(table.schema.get_field_index("x12"), "x12", amounts), path)
    with pytest.raises(AssertionError, match=r"row \d+, x12: the text is not a number") as caught:
        recipes.run(RECIPES[heading], directory)
    assert "a secret" not in str(caught.value)


@pytest.mark.parametrize("heading", RECIPES)
def test_a_recipe_has_ten_lines_of_code_at_most(heading: str) -> None:
    lengths = [len([*filter(None, block.text.splitlines())]) for block in RECIPES[heading]]
    assert 0 < max(lengths) <= 10


def test_a_recipe_that_is_added_is_found() -> None:
    page = (ROOT / "docs" / "engines.md").read_text()
    added = page.replace("\n### Cron\n", "\n### Beam\n\nWords.\n\n```python\nimport beam\n\nbeam\n```\n\n### Cron\n")
    found = recipes.recipes(added)
    assert found.pop("Beam") == [Block("python", "import beam\n\nbeam\n")]
    assert found == RECIPES


@pytest.mark.parametrize(
    ("language", "text", "message"),
    [
        ("sql", "select 1", "nothing runs a block of sql"),
        ("sh", "echo before\nfalse\necho after", "before"),
        ("python", "raise SystemExit('a recipe that fails')", "a recipe that fails"),
        ("python", "import warnings\nwarnings.warn('of the recipe itself')", "of the recipe itself"),
        ("crontab", "2 * * * scorer score rows", "no five fields of time"),
        ("crontab", "2 * * * * scorer score rows-$(date +%F)", "cron ends a command at %"),
        ("crontab", r"2 * * * * date +\%F; ls nothing-of-$(date +\%Y)", "nothing-of-2"),
    ],
)
def test_a_recipe_that_does_not_run_fails(language: str, text: str, message: str, tmp_path: Path) -> None:
    with pytest.raises(AssertionError, match=re.escape(message)):
        recipes.run([Block(language, text)], tmp_path)


def test_what_a_recipe_leaves_running_is_seen(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(servers, "WAIT_SECONDS", 0)
    block = Block("sh", "sleep 60 >/dev/null 2>&1 & echo $! > pid")
    with pytest.raises(AssertionError, match="the end of what a recipe has started"):
        recipes.run([block], tmp_path)
    os.kill(int((tmp_path / "pid").read_text()), signal.SIGKILL)


def scores_of(*phats: float, ids: tuple[int, ...] = (3, 5, 8)) -> Any:
    return pa.table({"id": ids, "business_outcome": [0, 1, 1][: len(ids)], "phat": phats})


@pytest.mark.parametrize(
    ("scores", "found"),
    [
        (scores_of(0.25, 0.75, 1.0), []),
        (scores_of(0.25, 0.75, 1.0).take([2, 0, 1]).select(["phat", "id", "business_outcome"]), []),
        (scores_of(0.25, np.nextafter(0.75, 1), 1.0), ["phat of 1 rows, the first with id 5"]),
        (
            scores_of(0.25, 0.75, 1.0, ids=(5, 3, 8)),
            ["business_outcome of 2 rows, the first with id 3", "phat of 2 rows, the first with id 3"],
        ),
        (scores_of(0.25, 0.75, ids=(3, 5)), ["the keys of 2 rows are not those of the 3 expected"]),
        (scores_of(0.25, 0.75, 1.0, ids=(3, 5, 5)), ["the keys of 3 rows are not those of the 3 expected"]),
        (scores_of(0.25, 0.75, 1.0).drop_columns("phat"), ["columns are id, business_outcome"]),
        (
            scores_of(0.25, 0.75, 1.0).cast(pa.schema({"id": "int64", "business_outcome": "int32", "phat": "float"})),
            ["business_outcome is int32 instead of int64", "phat is float instead of double"],
        ),
    ],
)
def test_scores_that_differ_are_told(scores: Any, found: list[str]) -> None:
    assert differences(scores, scores_of(0.25, 0.75, 1.0)) == found
