"""Stand-in rows in bulk, as Parquet files."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from bench.rows import SEED
from export import standin
from scorer.coefficients import CategoryInput
from scorer.scorer import Scorer

DRAWN = 100_000
"""Rows that are drawn; files repeat them."""
GROUP = 250_000
"""Rows of a row group."""
PARTS = 4
"""Files that Spark reads. They are alike, so its tasks are too, whether each reads one or two of them."""


@dataclass(frozen=True, slots=True)
class Rows:
    """A directory of Parquet files.

    Attributes:
        path: the directory.
        count: rows in all files.
        bytes: size of all files.
    """

    path: Path
    count: int
    bytes: int

    @property
    def files(self) -> list[Path]:
        """The files, in the order of the rows."""
        return sorted(self.path.iterdir())


@dataclass(frozen=True, slots=True)
class Tables:
    """Tables of rows, the first with the columns that the equation uses.

    Attributes:
        drawn: the rows that all others repeat.
        numbers: as `drawn`, with money as numbers.
        wide: as `drawn`, with all columns.
        dictionaries: columns that are written with a dictionary.
    """

    drawn: pa.Table
    numbers: pa.Table
    wide: pa.Table
    dictionaries: list[str]

    def write(self, table: pa.Table, count: int, files: int, path: Path) -> Rows:
        """Writes rows of a table as often as it takes, a new start with each file.

        Only categories get a dictionary: one of numbers would hold the drawn rows once, and make the file smaller than
        one of rows that all differ.

        Args:
            table: one of these tables.
            count: number of rows; `files` divides it.
            files: number of files.
            path: a directory that is made.
        """
        path.mkdir()
        each = count // files
        repeated = pa.concat_tables([table] * -(-each // len(table)))[:each]
        present = [name for name in self.dictionaries if name in table.column_names]
        for number in range(files):
            pq.write_table(repeated, path / f"{number}.parquet", row_group_size=GROUP, use_dictionary=present)
        return Rows(path, each * files, sum(file.stat().st_size for file in path.iterdir()))


def draw(model: Scorer, count: int = DRAWN) -> Tables:
    """Draws stand-in rows.

    Args:
        model: whose used columns, and what reads money.
        count: how many.
    """
    frame = standin.inputs(count, np.random.default_rng(SEED))
    wide = pa.Table.from_pandas(frame, preserve_index=False).replace_schema_metadata(None)
    drawn = numbers = wide.select([declared.name for declared in model.equation.inputs])
    for index, (declared, read) in enumerate(zip(model.equation.inputs, model.score(drawn).read, strict=True)):
        if not isinstance(declared, CategoryInput):
            numbers = numbers.set_column(index, declared.name, pa.array(read, from_pandas=True))
    categories = [declared.name for declared in model.file.inputs if isinstance(declared, CategoryInput)]
    return Tables(drawn, numbers, wide, categories)
