"""`scorer score`: a file of rows → a file of scores."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Callable
from contextlib import ExitStack
from importlib.abc import MetaPathFinder
from pathlib import Path
from typing import get_args

from scorer import files, formats
from scorer.batches import BatchScorer
from scorer.cells import UnknownLevels
from scorer.errors import TableError
from scorer.formats.rows import Writer
from scorer.progress import Progress
from scorer.scorer import Scorer

_STANDARD = Path("-")


def add_arguments(score: argparse.ArgumentParser) -> None:
    """The options of the command."""
    score.add_argument("file", type=Path, help="JSON, NDJSON, CSV, Parquet or Arrow; - for standard input")
    named = ", ".join(formats.NAMES)
    score.add_argument(
        "--from", dest="read_as", type=form, metavar="FORMAT", help=f"its format: {named}; default: by its ending"
    )
    score.add_argument("--out", type=Path, metavar="FILE", help="where to write; default: standard output")
    score.add_argument(
        "--to", dest="write_as", type=form, metavar="FORMAT", help="default: by --out's ending, else as read"
    )
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
    score.add_argument(
        "--on-error",
        choices=("fail", "report"),
        default="fail",
        help="what a bad row does: nothing is written, or the row's scores are empty and --errors says why",
    )
    score.add_argument(
        "--errors", type=Path, metavar="FILE", help="where to report bad rows; its ending says the format"
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
    """Scores a file as the options say, and prints a summary on stderr.

    Args:
        options: of `add_arguments`.
        load: gives the model.

    Raises:
        TableError: the rows cannot be read or scored, or the scores not be written.
        OSError: a file cannot be opened. It names the file.
    """
    piped = options.file == _STANDARD
    _check(options, piped)
    read_as = options.read_as or formats.format_of(options.file)
    write_as = options.write_as or (formats.format_of(options.out) if options.out else read_as)
    need_text_on_a_terminal(write_as, options.out)
    name = "standard input" if piped else str(options.file)
    scorer = BatchScorer(
        load(),
        name,
        options.keep,
        options.variables == "all",
        options.unknown_levels,
        options.allow_missing_columns,
        options.on_error == "report",
    )
    with ExitStack() as stack:
        source = sys.stdin.buffer if piped else stack.enter_context(options.file.open("rb"))
        target = stack.enter_context(files.atomic_write(options.out)) if options.out else sys.stdout.buffer
        targets = [(target, write_as, str(options.out or "standard output"))]
        if options.errors:
            errors = stack.enter_context(files.atomic_write(options.errors))
            targets.append((errors, formats.format_of(options.errors), str(options.errors)))
        progress = Progress(source, 0 if piped else os.fstat(source.fileno()).st_size)
        stack.callback(progress.clear)
        writers: list[Writer] = []
        for batch in formats.read(source, read_as, name, scorer.wanted, scorer.categories):
            scored = scorer.score(batch, progress.rows)
            writers = writers or [formats.writer(*each) for each in targets]  # one may write at once, as gzip does
            for writer, columns in zip(writers, (scored.columns, scored.bad), strict=False):
                writer.write(columns)
            progress.add(scored.scores, batch.count, batch.total)
        for writer in writers:
            writer.close()
        target.flush()
    print(progress.summary(), file=sys.stderr)


def need_text_on_a_terminal(write_as: str, out: Path | None) -> None:
    """Raises TableError if what is no text would be written to a terminal."""
    if out is None and write_as not in formats.TEXTS and sys.stdout.isatty():
        raise TableError(f"{write_as} is not text for a terminal: name a file with --out, or another format")


def _check(options: argparse.Namespace, piped: bool) -> None:
    if piped and not options.read_as:
        raise TableError("the format of standard input cannot be told: name it with --from")
    if bool(options.errors) != (options.on_error == "report"):
        raise TableError("--on-error report and --errors FILE need each other")
    paths = {"the file": options.file, "--out": options.out, "--errors": options.errors}
    given = [(what, path.resolve()) for what, path in paths.items() if path and path != _STANDARD]
    for index, (what, path) in enumerate(given):
        for other, same in given[:index]:
            if path == same and (path.is_file() or not path.exists()):  # a terminal may be read and written
                raise TableError(f"{path}: {other} and {what} are the same file")
