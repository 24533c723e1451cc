"""Whether this machine reproduces a file's certificate, and whether the file is the one that was certified."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from scorer.coefficients import Cell, CoefficientFile
from scorer.errors import CertificateError, EditedFileError, RowsError
from scorer.scores import Scores

_NOT_COVERED_BEFORE_FORMAT_3 = (
    "model, version, created, description and provenance",
    "the outcome with its cutoff",
    "training ranges, and inputs that the equation does not use",
    "golden rows that were taken out, and what none of the others depends on",
)


def not_covered(file: CoefficientFile) -> tuple[str, ...]:
    """What of a file can be edited without its certificate showing it, in words; nothing from format 3 on."""
    return () if file.format >= 3 else _NOT_COVERED_BEFORE_FORMAT_3


class _Difference(NamedTuple):
    at: str
    reason: str


def check(file: CoefficientFile, score: Callable[[Sequence[Mapping[str, Cell]]], Scores], source: str) -> float:
    """Scores a file's golden rows and compares the hashes of its parts.

    Args:
        file: a validated coefficient file.
        score: scores rows with the file.
        source: what to call the file in errors.

    Returns:
        The largest |phat - golden phat|.

    Raises:
        EditedFileError: a part of the file is not the one that was certified.
        CertificateError: a golden row cannot be scored, or is not reproduced within the file's tolerance.
    """
    try:
        scores = score([golden.cells for golden in file.certificate.rows])
        found = next(_differences(file, scores), None)
    except RowsError as error:
        at = f"$.certificate.rows[{error.problems[0].row}]"
        found = _Difference(at, f"the golden row cannot be scored: {error}")
    if edited := _edited(file):
        because = f"; {found.reason}" if found else ""
        reason = f"edited since it was certified: its SHA-256 is not the one in the certificate{because}"
        raise EditedFileError(source, ", ".join(f"$.{key}" for key in edited), reason)
    if found:
        raise CertificateError(source, found.at, f"the certificate is not reproduced: {found.reason}")
    return float(_phat_differences(file, scores).max())


def _edited(file: CoefficientFile) -> list[str]:
    """The top-level keys whose value is not the one that was certified."""
    certified = file.certificate.sha256
    if file.format < 3 or certified is None:
        return []
    return [key for key, digest in file.digests().items() if digest != certified[key]]


def _differences(file: CoefficientFile, scores: Scores) -> Iterator[_Difference]:
    """What is not reproduced. What tells most comes first: a variable names its input, an outcome only the cutoff."""
    tolerance, golden_rows = file.certificate.tolerance, file.certificate.rows
    for index, golden in enumerate(golden_rows):
        for name, certified in (golden.variables or {}).items():
            entered = float(scores.variables[name][index])
            if not abs(entered - certified) <= tolerance * max(1.0, abs(certified)):
                reason = f"golden row {golden.about!r} should have {name} = {certified!r} and has {entered!r}"
                yield _Difference(f"$.certificate.rows[{index}].variables.{name}", reason)
    differences = _phat_differences(file, scores)
    worst = int(np.argmax(differences))
    if not differences[worst] <= tolerance:
        golden = golden_rows[worst]
        reason = (
            f"golden row {golden.about!r} should give phat {golden.phat!r} and gives {float(scores.phat[worst])!r}, "
            f"off by {differences[worst]:.1e} where the tolerance is {tolerance}"
        )
        yield _Difference(f"$.certificate.rows[{worst}].phat", reason)
    for index, (golden, outcome) in enumerate(zip(golden_rows, scores.outcome.tolist(), strict=True)):
        if golden.outcome not in (None, outcome):
            reason = f"golden row {golden.about!r} should have outcome {golden.outcome} and has {outcome}"
            yield _Difference(f"$.certificate.rows[{index}].outcome", reason)


def _phat_differences(file: CoefficientFile, scores: Scores) -> NDArray[np.float64]:
    differences: NDArray[np.float64] = np.abs(scores.phat - [golden.phat for golden in file.certificate.rows])
    return differences
