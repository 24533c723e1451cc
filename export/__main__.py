"""Command line, run from the repository: python -m export."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from export import archive, compare, promote
from export.errors import ApprovedDiffersError, ExportError
from scorer import reading
from scorer.errors import ScorerError
from scorer.store.directory import load

EXIT_OK = 0
EXIT_DIFFERS = 1
EXIT_ERROR = 2
EXIT_INTERRUPTED = 130


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs a command.

    Returns:
        The exit code: 0; 1 if a fit is not the approved equation, or diff finds differences; 2 for an error, with one
        line on stderr; 130 after Ctrl-C.
    """
    options = _parser().parse_args(arguments)
    command: Callable[[argparse.Namespace], int] = options.command
    try:
        return command(options)
    except ApprovedDiffersError as error:
        for difference in error.differences:
            print(f"  {difference}", file=sys.stderr)
        print(f"export: {error}", file=sys.stderr)
        return EXIT_DIFFERS
    except (ExportError, ScorerError) as error:
        print(f"export: {error}", file=sys.stderr)
    except OSError as error:
        print(f"export: {error.filename or ''}: {(error.strerror or str(error)).lower()}", file=sys.stderr)
    except KeyboardInterrupt:
        print("export: interrupted, nothing was written", file=sys.stderr)
        return EXIT_INTERRUPTED
    return EXIT_ERROR


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="export", description="Makes coefficient files, offline.")
    commands = parser.add_subparsers(title="commands", required=True, metavar="command")
    out = argparse.ArgumentParser(add_help=False)
    out.add_argument(
        "--out",
        type=Path,
        default=Path("coefficients"),
        metavar="DIR",
        help="root of the versions; default: coefficients",
    )

    _add_training_commands(commands, out)
    diff = commands.add_parser("diff", help="show what differs between two coefficient files; exit 1 if anything does")
    diff.add_argument("first", type=Path)
    diff.add_argument("second", type=Path)
    diff.add_argument("--rows", type=Path, metavar="CSV", help="show also how far phat moves on these rows")
    diff.set_defaults(command=_diff)
    _add_store_commands(commands)
    return parser


def _add_training_commands(commands: Any, out: argparse.ArgumentParser) -> None:
    publishing = commands.add_parser("publish", parents=[out], help="write the published figures as glm-26 1.0.1")
    publishing.set_defaults(command=_publish)

    training = commands.add_parser(
        "train", parents=[out], help="fit a version on a training file, by the notebook's steps"
    )
    training.add_argument(
        "--train", type=Path, required=True, metavar="CSV", help="the training file, with the columns x0 ... x99 and y"
    )
    training.add_argument("--name", required=True, help="the model's name")
    training.add_argument("--version", required=True, help="its version, such as 1.1.0")
    training.add_argument("--description", default="Logistic GLM by the steps of the notebook GLM_Model_26.")
    training.add_argument(
        "--approved", type=Path, metavar="FILE", help="write only if the fit is the equation of this file, else exit 1"
    )
    training.set_defaults(command=_train)

    standing_in = commands.add_parser(
        "standin", help="write made-up data in the notebook's schema: train.csv and test.csv"
    )
    standing_in.add_argument(
        "--rows", type=_count, default=40_000, help="rows of train.csv; test.csv has a quarter as many"
    )
    standing_in.add_argument("--seed", type=_count, default=13)
    standing_in.add_argument("--out", type=Path, required=True, metavar="DIR")
    standing_in.set_defaults(command=_standin)


def _add_store_commands(commands: Any) -> None:
    signing = commands.add_parser("sign", help="write an Ed25519 signature beside a coefficient file")
    signing.add_argument("file", type=Path)
    signing.add_argument("--key", type=Path, required=True, metavar="PEM", help="the private key")
    signing.set_defaults(command=_sign)

    store = argparse.ArgumentParser(add_help=False)
    where = "a directory, or a URL: s3://BUCKET/PREFIX, gs://..., az://..."
    store.add_argument("--store", required=True, metavar="URL", help=where)

    promoting = commands.add_parser(
        "promote", parents=[store], help="put a version into a store and make it the current one"
    )
    promoting.add_argument("name", help="the model's name")
    promoting.add_argument("version")
    promoting.add_argument(
        "--from", dest="root", type=Path, default=Path("coefficients"), metavar="DIR", help="default: coefficients"
    )
    promoting.add_argument(
        "--dry-run", type=Path, metavar="CSV", help="write nothing, and show how far phat moves on these rows"
    )
    promoting.set_defaults(command=_promote)

    rolling = commands.add_parser("rollback", parents=[store], help="make the previous version the current one again")
    rolling.add_argument("--to", default="", metavar="VERSION", help="another version, VERSION or NAME/VERSION")
    rolling.set_defaults(command=_rollback)


def _count(text: str) -> int:
    if not text.isascii() or not text.isdigit() or int(text) == 0:
        raise argparse.ArgumentTypeError("expected a whole number above 0")
    return int(text)


def _publish(options: argparse.Namespace) -> int:
    from export import publish  # here and below: statsmodels takes seconds to import, and other commands do without

    path, written = publish.publish(options.out)
    file = reading.read(path)
    print(f"{'wrote' if written else 'exists already and is reproduced:'} {path}\nsha256 {file.sha256}")
    return EXIT_OK


def _train(options: argparse.Namespace) -> int:
    from export import train

    approved = reading.read(options.approved) if options.approved else None
    fitted = train.fit(options.train, lambda text: print(text, flush=True))
    file = train.coefficient_file(fitted, options.train, options.name, options.version, options.description)
    if approved:
        print(f"\nCompared with {approved.model} {approved.version}: {compare.scale_note(file, approved)}")
        decimals = compare.require_approved(file, approved)
        words = f"{len(file.terms)} variables in order, coefficients equal to {decimals} decimals"
        print(f"This is the approved equation: {words}")
    path = archive.write_version(options.out, file)
    print(f"\nwrote {path}\nsha256 {file.sha256}")
    return EXIT_OK


def _standin(options: argparse.Namespace) -> int:
    from export import standin

    for path in standin.write(options.rows, options.seed, options.out, load()):
        print(f"wrote {path}")
    return EXIT_OK


def _diff(options: argparse.Namespace) -> int:
    old, new = load(options.first), load(options.second)
    lines = list(compare.differences(old.file, new.file))
    print("\n".join(lines) if lines else "the files say the same")
    if options.rows:
        print(compare.movement(old, new, options.rows))
    return EXIT_DIFFERS if lines else EXIT_OK


def _sign(options: argparse.Namespace) -> int:
    print(f"wrote {promote.sign(options.file, options.key)}")
    return EXIT_OK


def _promote(options: argparse.Namespace) -> int:
    new = promote.candidate(options.root, options.name, options.version)
    store = promote.Store(options.store)
    if options.dry_run:
        current = store.pointer()
        movement = store.movement(new, options.dry_run)
        print(f"{store.name}: {current or 'nothing'} → {new.pointer}; nothing was written")
        print(movement or "the store is empty, so there is nothing to compare with")
        return EXIT_OK
    before = store.promote(new)
    signed = "signed" if new.signature else "not signed, so servers with SCORER_PUBLIC_KEY refuse it"
    print(f"{store.name}: {before or 'nothing'} → {new.pointer}, {signed}\nsha256 {new.pointer.sha256}")
    return EXIT_OK


def _rollback(options: argparse.Namespace) -> int:
    store = promote.Store(options.store)
    before, now = store.rollback(options.to)
    print(f"{store.name}: {before} → {now}\nsha256 {now.sha256}")
    return EXIT_OK


if __name__ == "__main__":
    sys.exit(main())
