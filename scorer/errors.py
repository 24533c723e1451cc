"""Everything that can go wrong, as one tree. Leaves carry data; no status code or exit code stands here.

ScorerError
├── CoefficientFileError        .source, .at (the path in the document), .reason
│   ├── UnreadableFileError     a directory, no permission, a store that does not answer
│   │   └── MissingFileError    there is no such file
│   ├── FileTooLargeError       over the size cap, refused before it is parsed
│   ├── NotJSONError            bytes that are no JSON document
│   ├── UnknownFormatError      a format this version of scorer does not read
│   ├── UnknownKeyError
│   ├── DuplicateKeyError
│   ├── MissingKeyError
│   ├── WrongTypeError
│   ├── NotFiniteError          NaN, an infinity, or a number beyond float64
│   ├── InvalidValueError       right type, impossible value: a scale of 0, a cutoff of 2
│   ├── UnknownInputError       a term or golden row names an input that is not declared
│   ├── UnknownLevelError       a term, dummy or baseline names a level that is not declared
│   ├── RepeatedNameError       an input, level, dummy or variable given twice
│   ├── CertificateError        this machine does not reproduce the golden rows
│   ├── WrongHashError          the bytes are not those that the pointer names
│   ├── SignatureError          unsigned, or signed by another key, or altered since
│   └── ReusedVersionError      a name and version that were served with other bytes
├── RowsError                   .problems (the first 20), .total
│   ├── BadRowsError            one or more cells or rows that cannot be scored
│   └── BadShapeError           neither a row, nor rows, nor columns of one length
├── RequestError
│   ├── MalformedBodyError      a request body that is no JSON document
│   ├── LimitError              .limit: more than is taken
│   │   ├── BodyTooLargeError   in bytes
│   │   ├── RowTooLargeError    in bytes
│   │   ├── TooManyRowsError
│   │   └── OverloadedError     requests at a time
│   ├── UnsupportedBodyError    a content type or content encoding that is not read
│   ├── SlowBodyError           .seconds; the body did not arrive in time
│   ├── ParameterError          .parameter; a query parameter that is not known, or a value that it cannot have
│   ├── UnauthorizedError       no API key, or one that is not known
│   └── NotReadyError           no certified model is loaded yet
├── SettingError                .setting, .reason
├── StoreError                  .address, .reason: cannot be opened or written to, or a key that cannot be used
└── TableError                  a file of rows that cannot be read or written
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

PROBLEMS_SHOWN = 20
"""How many bad cells an error lists; it counts them all."""


class ScorerError(Exception):
    """Root of every error that this package raises on purpose."""


class CoefficientFileError(ScorerError):
    """A coefficient file that is refused.

    Attributes:
        source: where the bytes came from, a path as a rule.
        at: the path in the document, such as ``$.terms[3].coefficient``; ``$`` is the whole document.
        reason: what is wrong there.
    """

    def __init__(self, source: str, at: str, reason: str) -> None:
        self.source = source
        self.at = at
        self.reason = reason
        where = source if at == "$" else f"{source}: {at}"
        super().__init__(f"{where}: {reason}")


class UnreadableFileError(CoefficientFileError):
    """The file cannot be read at all."""


class MissingFileError(UnreadableFileError):
    """There is no such file."""


class FileTooLargeError(CoefficientFileError):
    """The file is larger than the cap, and was not parsed."""


class NotJSONError(CoefficientFileError):
    """The bytes are no JSON document."""


class UnknownFormatError(CoefficientFileError):
    """The document's format number is not one that this version reads."""


class UnknownKeyError(CoefficientFileError):
    """An object holds a key that the format does not have."""


class DuplicateKeyError(CoefficientFileError):
    """An object holds one key twice."""


class MissingKeyError(CoefficientFileError):
    """An object lacks a key."""


class WrongTypeError(CoefficientFileError):
    """A value has another JSON type than the format asks for."""


class NotFiniteError(CoefficientFileError):
    """A number is NaN, infinite, or beyond the range of float64."""


class InvalidValueError(CoefficientFileError):
    """A value of the right type that the format does not allow."""


class UnknownInputError(CoefficientFileError):
    """An input is named that the file does not declare."""


class UnknownLevelError(CoefficientFileError):
    """A level is named that its input does not have."""


class RepeatedNameError(CoefficientFileError):
    """A name that has to be unique is given twice."""


class CertificateError(CoefficientFileError):
    """The golden rows do not come out as the certificate says."""


class WrongHashError(CoefficientFileError):
    """The file's SHA-256 is not the one that was promised."""


class SignatureError(CoefficientFileError):
    """A signature is asked for, and there is none, or it is not that of the public key for these bytes."""


class ReusedVersionError(CoefficientFileError):
    """A name and version that were served before, with other bytes: versions are immutable."""


@dataclass(frozen=True, slots=True)
class Problem:
    """What is wrong with one cell or one row. Holds no cell's value: values may be personal data.

    Attributes:
        row: zero-based index in the batch.
        field: name of the input; None where the row as a whole is meant.
        code: a stable word for programs: ``not_a_number``, ``not_finite``, ``wrong_type``, ``not_an_object``,
            ``no_model_input``.
        message: a sentence for people.
    """

    row: int
    field: str | None
    code: str
    message: str

    def __str__(self) -> str:
        where = f"row {self.row}" if self.field is None else f"row {self.row}, {self.field}"
        return f"{where}: {self.message}"


class RowsError(ScorerError):
    """Rows that cannot be scored. Nothing of the batch was scored."""

    def __init__(self, message: str, problems: Sequence[Problem] = (), total: int | None = None) -> None:
        self.problems = tuple(problems[:PROBLEMS_SHOWN])
        self.total = len(problems) if total is None else total
        super().__init__(message)


class BadRowsError(RowsError):
    """Cells or rows that no rule can read. Lists the first 20 in row order and counts all."""

    def __init__(self, problems: Sequence[Problem], total: int | None = None) -> None:
        count = len(problems) if total is None else total
        more = "" if count == 1 else f" (and {count - 1} more)"
        super().__init__(f"{problems[0]}{more}", problems, count)


class BadShapeError(RowsError):
    """The argument is neither one row, nor a list of rows, nor columns of one length."""


class RequestError(ScorerError):
    """A request that cannot be answered, whatever its rows hold."""


class MalformedBodyError(RequestError):
    """The request body is no JSON document."""


class LimitError(RequestError):
    """More of something than is taken. Which, and in what unit, is the subclass's.

    Attributes:
        limit: the most that is taken.
    """

    _message: ClassVar[str]

    def __init__(self, limit: int) -> None:
        self.limit = limit
        super().__init__(self._message.format(limit))


class BodyTooLargeError(LimitError):
    """The request body is larger than the limit, in bytes."""

    _message = "the request body is larger than the limit of {:,} bytes"


class RowTooLargeError(LimitError):
    """One row, or what cannot be told from one, is larger than is taken into memory, in bytes."""

    _message = "a row is larger than the limit of {:,} bytes, or the rows cannot be told apart"


class TooManyRowsError(LimitError):
    """The request has more rows than are scored at a time."""

    _message = "the request has more rows than the limit of {:,}"


class OverloadedError(LimitError):
    """More requests at a time than this worker takes on."""

    _message = "{:,} requests are being answered, which is as many as are taken on at a time"


class UnsupportedBodyError(RequestError):
    """The body is of a type, or is encoded in a way, that is not read."""


class SlowBodyError(RequestError):
    """The body did not arrive in time.

    Attributes:
        seconds: how long it may take.
    """

    def __init__(self, seconds: float) -> None:
        self.seconds = seconds
        super().__init__(f"the body did not arrive within {seconds:g} seconds")


class ParameterError(RequestError):
    """A query parameter that is not known, or a value that it cannot have.

    Attributes:
        parameter: its name.
    """

    def __init__(self, parameter: str, reason: str) -> None:
        self.parameter = parameter
        super().__init__(f"{parameter}: {reason}")


class UnauthorizedError(RequestError):
    """The request has no API key, or one that is not known."""

    def __init__(self) -> None:
        super().__init__("send a known API key: Authorization: Bearer KEY")


class NotReadyError(RequestError):
    """No certified model is loaded yet."""

    def __init__(self) -> None:
        super().__init__("no certified model is loaded yet")


class SettingError(ScorerError):
    """A setting that cannot be used.

    Attributes:
        setting: its name, such as ``SCORER_PORT``.
        reason: what is wrong with it.
    """

    def __init__(self, setting: str, reason: str) -> None:
        self.setting = setting
        self.reason = reason
        super().__init__(f"{setting}: {reason}")


class StoreError(ScorerError):
    """A store that cannot be opened or written to, or a key for signatures that cannot be used.

    Attributes:
        address: a directory, a URL, or the path of a key.
        reason: what is wrong with it.
    """

    def __init__(self, address: str, reason: str) -> None:
        self.address = address
        self.reason = reason
        super().__init__(f"{address}: {reason}")


class TableError(ScorerError):
    """A file of rows that cannot be read or written."""
