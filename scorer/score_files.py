"""`scorer score`: a file of rows → a file of scores."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import replace
from importlib.abc import MetaPathFinder
from pathlib import Path
from typing import Any, get_args

from scorer import formats, partitions, score_record
from scorer.batches import BatchScorer
from scorer.cells import UnknownLevels
from scorer.errors import TableError
from scorer.formats.rows import Columns, Writer
from scorer.progress import Progress
from scorer.score_plan import Input, Job, Plan, make_plan
from scorer.scorer import Scorer


def add_arguments(score: argparse.ArgumentParser) -> None:
    """The options of the command."""
    score.add_argument(
        "file",
        help="JSON, NDJSON, CSV, Parquet or Arrow, or a directory of such files; a path, an s3://, gs:// or az:// "
        "address, or an https:// address of a file; - for standard input",
    )
    named = ", ".join(formats.NAMES)
    score.add_argument(
        "--from", dest="read_as", type=form, metavar="FORMAT", help=f"its format: {named}; default: by its ending"
    )
    score.add_argument(
        "--out",
        metavar="FILE",
        help="where to write; a directory, or an address with a slash at its end, gets an output for each file; "
        "default: standard output",
    )
    score.add_argument(
        "--to", dest="write_as", type=form, metavar="FORMAT", help="default: by --out's ending, else as read"
    )
    _add_scoring(score)
    score.add_argument(
        "--on-error",
        choices=("fail", "report"),
        default="fail",
        help="what a bad row does: nothing is written, or the row's scores are empty and --errors says why",
    )
    score.add_argument(
        "--errors",
        metavar="FILE",
        help="where to report bad rows; its ending says the format; a directory if --out is one",
    )
    score.add_argument(
        "--resume",
        action="store_true",
        help="go on with a run that has ended: files whose outputs are in --out are left out, unless they have changed",
    )


def _add_scoring(score: argparse.ArgumentParser) -> None:
    """Those that say how rows are scored."""
    score.add_argument(
        "--keep", type=_names, default=(), metavar="NAMES", help="columns to carry through to the output, as id,date"
    )
    score.add_argument(
        "--variables", choices=("all", "none"), default="all", help="whether to write the equation's variables"
    )
    score.add_argument(
        "--unknown-levels",
        choices=get_args(UnknownLevels),
        default="baseline",
        help="what a level does that the model does not know: it scores as the baseline, or is an error",
    )
    score.add_argument(
        "--allow-missing-columns",
        action="store_true",
        help="score files without columns that the equation uses: their cells count as missing",
    )


def keep_small() -> None:
    """Makes pyarrow take less time and memory, in a process that does nothing but to score a file."""
    sys.meta_path.insert(0, _NoPandas())
    # Of its allocators this one holds the least. It is chosen when pyarrow is imported.
    os.environ.setdefault("ARROW_DEFAULT_MEMORY_POOL", "system")


class _NoPandas(MetaPathFinder):
    """Keeps pyarrow from importing pandas, which it does to see whether pandas has made the data of an array."""

    def find_spec(self, fullname: str, _path: object, _target: object = None) -> None:
        if fullname == "pandas":
            raise ModuleNotFoundError(name=fullname)


def form(text: str) -> str:
    """A format's name, as an argument."""
    if text not in formats.NAMES:
        raise argparse.ArgumentTypeError(f"{text!r} is not one of {', '.join(formats.NAMES)}")
    return text


def _names(text: str) -> tuple[str, ...]:
    names = tuple(dict.fromkeys(text.split(",")))
    if "" in names:
        raise argparse.ArgumentTypeError("expected names of columns with commas between them")
    return names


def run(options: argparse.Namespace, load: Callable[[], Scorer]) -> None:
    """Scores files as the options say, and prints a summary on stderr.

    Args:
        options: of `add_arguments`.
        load: gives the model.

    Raises:
        TableError: the rows cannot be read or scored, or the scores not be written.
        StoreError: an object store cannot be used. It names the object.
        OSError: a file cannot be opened. It names the file.
    """
    if bool(options.errors) != (options.on_error == "report"):
        raise TableError("--on-error report and --errors FILE need each other")
    plan = make_plan(options.file, options.out, options.errors, options.read_as, options.write_as)
    need_text_on_a_terminal(plan.jobs[0].scores.form, options.out)
    if options.resume and not plan.out:
        raise TableError("--resume needs a directory as --out, with an output for each file; end it with a slash")
    model = load()
    scorer = BatchScorer(
        model,
        "",
        options.keep,
        options.variables == "all",
        options.unknown_levels,
        options.allow_missing_columns,
        options.on_error == "report",
    )
    if plan.out:
        plan = score_record.begin(plan, _described(options, plan, model), options.resume)
    progress = Progress(len(plan.inputs), sum(each.file.size for each in plan.inputs), plan.done)
    with ExitStack() as stack:
        stack.callback(progress.clear)
        for job in plan.jobs:
            _run(job, scorer, progress, plan.names_files)
    print(progress.summary(), file=sys.stderr)


def _described(options: argparse.Namespace, plan: Plan, model: Scorer) -> dict[str, Any]:
    """What decides on the outputs, for the record of the run."""
    names = ("read_as", "write_as", "keep", "variables", "unknown_levels", "allow_missing_columns", "on_error")
    file = model.file
    return {
        "model": f"{file.model} {file.version}",
        "sha256": file.sha256,
        "source": plan.source,
        **{name: getattr(options, name) for name in names},
    }


def _run(job: Job, scorer: BatchScorer, progress: Progress, names_files: bool) -> None:
    """Writes one output, or none if it raises."""
    with ExitStack() as stack:
        outputs = [job.scores, job.errors] if job.errors else [job.scores]
        # The scores are entered first, and so appear last: where they are, the errors are.
        targets = [(stack.enter_context(each.folder.create(each.path)), each) for each in outputs]
        writers: list[Writer] = []
        for each in job.inputs:
            for columns in _scored(each, replace(scorer, name=each.name), progress, names_files):
                # One may write at once, as gzip does.
                writers = writers or [formats.writer(target, output.form, output.name) for target, output in targets]
                for writer, written in zip(writers, columns, strict=False):
                    _write(writer, written, each.name)
        for writer in writers:
            writer.close()


def _write(writer: Writer, columns: Columns, name: str) -> None:
    try:
        writer.write(columns)
    except TableError as error:
        raise TableError(f"{name}: {error}") from None


def _scored(
    file: Input, scorer: BatchScorer, progress: Progress, names_files: bool
) -> Iterator[tuple[Columns, Columns]]:
    """Reads a file: what is written of each batch as scores, and as errors."""
    with file.folder.open(file.file, file.form in formats.SEEKING) as source:
        progress.begin(source, file.file.size)
        for batch in formats.read(source, file.form, file.name, scorer.wanted, scorer.categories):
            scored = scorer.score(partitions.add_to(batch, file.cells) if file.cells else batch, progress.file_rows)
            bad = {"file": [file.file.path] * len(scored.problems), **scored.bad} if names_files else scored.bad
            yield scored.columns, bad
            progress.add(scored.scores, batch.count, batch.total)


def need_text_on_a_terminal(write_as: str, out: str | Path | None) -> None:
    """Raises TableError if what is no text would be written to a terminal."""
    if out is None and write_as not in formats.TEXTS and sys.stdout.isatty():
        raise TableError(f"{write_as} is not text for a terminal: name a file with --out, or another format")
