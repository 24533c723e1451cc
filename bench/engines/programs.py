"""python -m bench.engines.programs WAY ROWS OUT: reads a Parquet file, scores its rows, writes phat and outcome.

What that takes is written beside OUT, without the start of the process: imports, and making the model, would take as
long as a million rows.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np

import scorer
from bench.timing import Times
from scorer.scorer import Scorer

Program = Callable[[Path, Path], None]


def _polars(model: Scorer) -> Program:
    import polars as pl

    names = [declared.name for declared in model.equation.inputs]

    def run(rows: Path, out: Path) -> None:
        model.score(pl.read_parquet(rows, columns=names)).to_polars().write_parquet(out)

    return run


def _one_hot(model: Scorer) -> Program:
    from bench.engines.notebook_way import OneHot

    return _pandas(model, OneHot(model))


def _dummies(model: Scorer) -> Program:
    from bench.engines.notebook_way import Dummies

    return _pandas(model, Dummies(model))


def _pandas(model: Scorer, score: Callable[..., np.ndarray]) -> Program:
    import pandas as pd

    names = [declared.name for declared in model.equation.inputs]
    outcome = model.file.outcome

    def run(rows: Path, out: Path) -> None:
        phat = score(pd.read_parquet(rows, columns=names))
        scores = {outcome.name: (phat > outcome.cutoff).astype(np.int64), outcome.probability: phat}
        pd.DataFrame(scores).to_parquet(out, index=False)

    return run


PROGRAMS: dict[str, Callable[[Scorer], Program]] = {"polars": _polars, "one-hot": _one_hot, "dummies": _dummies}


def main(arguments: Sequence[str] | None = None) -> int:
    """Returns the exit code."""
    parser = argparse.ArgumentParser(prog="programs", description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("way", choices=PROGRAMS)
    parser.add_argument("rows", type=Path)
    parser.add_argument("out", type=Path)
    options = parser.parse_args(arguments)
    run = PROGRAMS[options.way](scorer.load())
    cpu, wall = time.process_time(), time.perf_counter()
    run(options.rows, options.out)
    taken = Times(time.process_time() - cpu, time.perf_counter() - wall)
    times_of(options.out).write_text(json.dumps(taken._asdict()))
    return 0


def times_of(out: Path) -> Path:
    """The file of what a program took."""
    return out.with_suffix(".json")


if __name__ == "__main__":
    sys.exit(main())
