"""Command line: python -m scorer serve | score | sample | describe | verify | check | key | mlflow."""

from __future__ import annotations

import argparse
import os
import shlex
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, nullcontext
from pathlib import Path

# Before numpy is imported: nothing here multiplies matrices, and the threads that OpenBLAS starts for it wait busily.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

from scorer import files, formats, sample, score_files
from scorer.errors import ScorerError
from scorer.scorer import Scorer
from scorer.store.directory import load
from scorer.version import __version__

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
    if command is _score and arguments is None:  # the process is this command's own
        score_files.keep_small()
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

    scoring = commands.add_parser("score", parents=[model], help="score a file of rows")
    score_files.add_arguments(scoring)
    scoring.set_defaults(command=_score)

    sampling = commands.add_parser("sample", parents=[model], help="make stand-in rows to try a model with")
    sampling.add_argument("--rows", type=_whole_number, default=sample.ROWS, help="how many; default: %(default)s")
    sampling.add_argument("--seed", type=_whole_number, default=sample.SEED, help="of chance; default: %(default)s")
    sampling.add_argument("--out", type=Path, metavar="FILE", help="where to write; default: standard output")
    sampling.add_argument(
        "--format",
        dest="write_as",
        type=score_files.form,
        metavar="FORMAT",
        help="their format; default: by --out's ending, else json",
    )
    sampling.set_defaults(command=_sample)

    describing = commands.add_parser("describe", parents=[model], help="print the equation as a table")
    describing.set_defaults(command=_describe)

    mlflow = commands.add_parser("mlflow", parents=[model], help="write a model directory for MLflow")
    mlflow.add_argument("directory", type=Path, metavar="DIR", help="a directory that does not exist yet")
    mlflow.set_defaults(command=_mlflow)

    verify = commands.add_parser("verify", help="check a coefficient file and its certificate")
    verify.add_argument("file", type=Path)
    verify.set_defaults(command=_verify)
    return parser


def _whole_number(text: str) -> int:
    if not (text.isascii() and text.isdecimal()):
        raise argparse.ArgumentTypeError(f"not a whole number of 0 or more: {text!r}")
    return int(text)


def _model(options: argparse.Namespace) -> str | None:
    return options.model or os.environ.get("SCORER_MODEL") or None


def _load(options: argparse.Namespace) -> Scorer:
    return load(_model(options))


@contextmanager
def _needs_service() -> Iterator[None]:
    try:
        yield
    except ModuleNotFoundError as error:
        raise ScorerError(f"serving needs {error.name}: pip install 'coefficient-scorer[service]'") from None


def _serve(options: argparse.Namespace) -> None:
    with _needs_service():
        from scorer.service import server
    names = ("model", "host", "port", "workers")
    given = {f"SCORER_{name.upper()}": getattr(options, name) for name in names if getattr(options, name) is not None}
    server.serve({**os.environ, **given})


def _check(options: argparse.Namespace) -> None:
    with _needs_service():
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


def _mlflow(options: argparse.Namespace) -> None:
    from scorer.artifacts import mlflow

    file = mlflow.write(options.directory, _model(options))
    serve = f"mlflow models serve --model-uri {shlex.quote(str(options.directory))} --env-manager local"
    print(f"{options.directory}: {file.model} {file.version}, sha256 {file.sha256}; serve it: {serve}")


def _score(options: argparse.Namespace) -> None:
    score_files.run(options, lambda: _load(options))


def _sample(options: argparse.Namespace) -> None:
    write_as = options.write_as or (formats.format_of(options.out) if options.out else "json")
    score_files.need_text_on_a_terminal(write_as, options.out)
    file = _load(options).file
    with files.atomic_write(options.out) if options.out else nullcontext(sys.stdout.buffer) as target:
        sample.write(target, write_as, file, options.rows, options.seed)
        target.flush()


if __name__ == "__main__":
    sys.exit(main())
