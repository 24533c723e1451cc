"""Command line: python -m scorer serve | score | sample | describe | verify | check | key."""

from __future__ import annotations

import argparse
import os
import sys
from collections import Counter
from collections.abc import Callable, Sequence
from contextlib import ExitStack, nullcontext
from functools import partial
from pathlib import Path
from time import monotonic
from typing import TYPE_CHECKING, BinaryIO, get_args

from scorer import files, formats, sample
from scorer.cells import UnknownLevels
from scorer.columns import Rows
from scorer.errors import PROBLEMS_SHOWN, RowsError, ScorerError, TableError
from scorer.scorer import Scorer
from scorer.scores import Scores
from scorer.store.directory import load
from scorer.version import __version__

if TYPE_CHECKING:
    from scorer.formats.rows import RowBatch

EXIT_OK = 0
EXIT_ERROR = 2
EXIT_INTERRUPTED = 130


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs one command.

    Returns:
        The exit code: 0, 2 for an error (one line on stderr), or 130 after Ctrl-C.
    """
    options = _parser().parse_args(arguments)
    command: Callable[[argparse.Namespace], None] = options.command
    try:
        command(options)
        sys.stdout.flush()
    except BrokenPipeError:  # the reader closed the pipe, as head does
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    except ScorerError as error:
        return _fail(str(error))
    except OSError as error:
        return _fail(f"{error.filename}: {(error.strerror or str(error)).lower()}" if error.filename else str(error))
    except KeyboardInterrupt:
        print("scorer: interrupted", file=sys.stderr)
        return EXIT_INTERRUPTED
    return EXIT_OK


def _fail(message: str) -> int:
    print(f"scorer: {message}", file=sys.stderr)
    return EXIT_ERROR


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="scorer", description="Scores rows with an approved logistic GLM.")
    parser.add_argument("--version", action="version", version=f"scorer {__version__}")
    commands = parser.add_subparsers(title="commands", required=True, metavar="command")
    model = argparse.ArgumentParser(add_help=False)
    model.add_argument(
        "--model",
        metavar="PATH",
        help="a coefficient file, or a directory with a pointer; default: SCORER_MODEL, else the shipped one",
    )

    serve = commands.add_parser("serve", parents=[model], help="answer requests over HTTP")
    serve.add_argument("--host", help="address to listen on; default: SCORER_HOST, else 127.0.0.1")
    serve.add_argument("--port", help="port to listen on, 0 for a free one; default: SCORER_PORT, else 1313")
    serve.add_argument("--workers", help="number of processes; default: SCORER_WORKERS, else the number of usable CPUs")
    serve.set_defaults(command=_serve)

    checking = commands.add_parser("check", parents=[model], help="find what would keep `serve` from serving")
    checking.set_defaults(command=_check)

    key = commands.add_parser("key", help="make an API key, and its line for SCORER_API_KEYS_FILE")
    key.add_argument("name", help="name of the key's owner")
    key.set_defaults(command=_key)

    _add_score(commands.add_parser("score", parents=[model], help="score a file of rows"))

    sampling = commands.add_parser("sample", parents=[model], help="make stand-in rows to try a model with")
    sampling.add_argument("--rows", type=_whole_number, default=sample.ROWS, help="how many; default: %(default)s")
    sampling.add_argument("--seed", type=_whole_number, default=sample.SEED, help="of chance; default: %(default)s")
    sampling.add_argument("--out", type=Path, metavar="FILE", help="where to write; default: standard output")
    sampling.add_argument(
        "--format", dest="write_as", choices=formats.FORMATS, help="their format; default: by --out's ending, else json"
    )
    sampling.set_defaults(command=_sample)

    describing = commands.add_parser("describe", parents=[model], help="print the equation as a table")
    describing.set_defaults(command=_describe)

    verify = commands.add_parser("verify", help="check a coefficient file and its certificate")
    verify.add_argument("file", type=Path)
    verify.set_defaults(command=_verify)
    return parser


def _whole_number(text: str) -> int:
    if not (text.isascii() and text.isdecimal()):
        raise argparse.ArgumentTypeError(f"not a whole number of 0 or more: {text!r}")
    return int(text)


def _add_score(score: argparse.ArgumentParser) -> None:
    score.add_argument("file", type=Path, help="JSON, NDJSON or CSV; - for standard input")
    score.add_argument("--from", dest="read_as", choices=formats.FORMATS, help="its format; default: by its ending")
    score.add_argument("--out", type=Path, metavar="FILE", help="where to write; default: standard output")
    score.add_argument(
        "--to", dest="write_as", choices=formats.FORMATS, help="output format; default: by --out's ending, else as read"
    )
    score.add_argument(
        "--unknown-levels",
        choices=get_args(UnknownLevels),
        default="baseline",
        help="what a level does that the model does not know: it scores as the baseline, or is an error",
    )
    score.set_defaults(command=_score)


def _load(options: argparse.Namespace) -> Scorer:
    return load(options.model or os.environ.get("SCORER_MODEL") or None)


def _serve(options: argparse.Namespace) -> None:
    try:
        from scorer.service import server
    except ModuleNotFoundError as error:
        raise ScorerError(f"serving needs {error.name}: pip install 'coefficient-scorer[service]'") from None
    names = ("model", "host", "port", "workers")
    given = {f"SCORER_{name.upper()}": getattr(options, name) for name in names if getattr(options, name) is not None}
    server.serve({**os.environ, **given})


def _check(options: argparse.Namespace) -> None:
    from scorer.service.check import check

    given = {"SCORER_MODEL": options.model} if options.model else {}
    found = list(check({**os.environ, **given}))
    for what, problem in found:
        print(f"{what}: {problem or 'ok'}")
    if wrong := [what for what, problem in found if problem]:
        raise ScorerError(f"{len(wrong)} of {len(found)} checks failed: {', '.join(wrong)}")


def _key(options: argparse.Namespace) -> None:
    from scorer.service import keys

    key = keys.new_key()
    print(f"{keys.file_line(options.name, key)}\nThe key, shown this once: {key}")


def _describe(options: argparse.Namespace) -> None:
    from scorer.describe import describe  # here and below: imports of one command would slow serve

    print(describe(_load(options)))


def _verify(options: argparse.Namespace) -> None:
    from scorer.describe import coverage

    scorer = load(options.file)
    file = scorer.file
    print(f"ok: {file.model} {file.version}, sha256 {file.sha256}")
    print(
        f"    {len(file.certificate.rows)} golden rows reproduced, largest |Δphat| {scorer.certificate_error:.1e} "
        f"(tolerance {file.certificate.tolerance:.1e})\n    {coverage(file)}"
    )


def _score(options: argparse.Namespace) -> None:
    piped = str(options.file) == "-"
    if piped and not options.read_as:
        raise TableError("the format of standard input cannot be told: name it with --from")
    read_as = options.read_as or formats.format_of(options.file)
    write_as = options.write_as or (formats.format_of(options.out) if options.out else read_as)
    score = partial(_load(options).score, unknown_levels=options.unknown_levels)
    name = "standard input" if piped else str(options.file)
    with ExitStack() as stack:
        source = sys.stdin.buffer if piped else stack.enter_context(options.file.open("rb"))
        target = stack.enter_context(files.atomic_write(options.out)) if options.out else sys.stdout.buffer
        progress = Progress(source, 0 if piped else options.file.stat().st_size)
        stack.callback(progress.clear)
        out = formats.writer(target, write_as)

        def score_batch(batch: RowBatch) -> Scores:
            return _score_batch(score, batch, progress.rows, name)

        for scores in map(score_batch, formats.read(source, read_as, name)):  # map frees each batch at once
            out.write(scores)
            progress.add(scores)
        out.close()
        if not options.out:
            target.flush()
    print(progress.summary(), file=sys.stderr)


def _score_batch(score: Callable[[Rows], Scores], batch: RowBatch, start: int, name: str) -> Scores:
    try:
        return score(batch.rows)
    except RowsError as error:
        if not error.problems:
            raise TableError(f"{name}: {error}") from None
        problem = error.problems[0]
        number = batch.line_of(problem.row)
        line = "" if number is None else f"line {number}, "
        field = "" if problem.field is None else f", {problem.field}"
        more = f" ({error.total - 1} more of these rows)" if error.total > 1 else ""
        raise TableError(f"{name}: {line}row {start + problem.row}{field}: {problem.message}{more}") from None


def _sample(options: argparse.Namespace) -> None:
    write_as = options.write_as or (formats.format_of(options.out) if options.out else "json")
    file = _load(options).file
    with files.atomic_write(options.out) if options.out else nullcontext(sys.stdout.buffer) as target:
        sample.write(target, write_as, file, options.rows, options.seed)
        target.flush()


class Progress:
    """Counts scored rows, and shows the count on a terminal."""

    def __init__(self, source: BinaryIO, size: int) -> None:
        self.rows = 0
        self._source = source
        self._size = size
        self._events = 0
        self._missing: Counter[str] = Counter()
        self._unknown: Counter[str] = Counter()
        self._start = monotonic()
        self._shown = 0.0
        self._terminal = sys.stderr.isatty()

    def add(self, scores: Scores) -> None:
        """Counts a batch; shows the count at most ten times a second."""
        self.rows += len(scores)
        self._events += int(scores.outcome.sum())
        self._missing.update(scores.missing)
        self._unknown.update(scores.unknown_levels)
        now = monotonic()
        if self._terminal and now - self._shown > 0.1:
            self._shown = now
            share = f"{min(1.0, self._source.tell() / self._size):4.0%}  " if self._size else ""
            rate = self.rows / max(now - self._start, 1e-9)
            print(f"\r{share}{self.rows:,} rows  {rate:,.0f} rows/s ", end="", file=sys.stderr, flush=True)

    def clear(self) -> None:
        """Clears the progress line from the terminal."""
        if self._terminal and self._shown:
            print("\r\033[K", end="", file=sys.stderr, flush=True)

    def summary(self) -> str:
        """One line: the number of rows and of outcomes 1, and missing cells and unknown levels by input."""
        parts = [f"scored {self.rows:,} rows: outcome 1 for {self._events:,}"]
        for words, counts in (("missing cells", self._missing), ("unknown levels", self._unknown)):
            if counts:
                listed = ", ".join(f"{field} {count:,}" for field, count in counts.most_common(PROBLEMS_SHOWN))
                parts.append(f"{words}: {listed}")
        return "; ".join(parts)


if __name__ == "__main__":
    sys.exit(main())
