"""Every recipe of docs/engines.md runs as it stands there, and gives the library's scores to the bit."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import pyarrow.dataset
import pyarrow.parquet
import pytest

import scorer
from tests.engines.conftest import SETTINGS
from tests.support import recipes
from tests.support.paths import ROOT
from tests.support.recipes import differences
from tests.support.skips import needs

RECIPES = recipes.recipes((ROOT / "docs" / "engines.md").read_text())
CRON = "Cron"
IN_A_DIRECTORY = [
    pytest.param(heading, marks=[needs("java")] if any("spark" in block.text for block in blocks) else [])
    for heading, blocks in RECIPES.items()
    if heading not in ("", CRON)
]


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
    own = {"spark.master": "local[2]", "spark.local.dir": str(directory), "spark.sql.warehouse.dir": str(directory)}
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
