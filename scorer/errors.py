"""The errors that this package raises on purpose, as one tree. They carry data, and no status codes or exit codes.

ScorerError
├── CoefficientFileError        .source, .at (the path in the document), .reason
│   ├── UnreadableFileError     a directory, no permission, a store that does not answer
│   │   └── MissingFileError    no such file
│   ├── FileTooLargeError       over the size cap, refused before it is parsed
│   ├── NotJSONError            not a JSON document
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
│   ├── EditedFileError         edited since it was certified
│   ├── WrongHashError          the file is not the one that the pointer names
│   ├── SignatureError          unsigned, or signed by another key, or altered since
│   └── ReusedVersionError      a version that was served before, with other bytes
├── RowsError                   .problems (the first 20), .total (how many there are)
│   ├── BadRowsError            one or more cells or rows that cannot be scored
│   └── BadShapeError           neither a row, nor rows, nor columns of one length
├── RequestError
│   ├── MalformedBodyError      the request body is not a document of its format
│   ├── LimitError              .limit, which the request exceeds
│   │   ├── BodyTooLargeError   in bytes
│   │   ├── RowTooLargeError    in bytes
│   │   ├── TooManyRowsError
│   │   └── OverloadedError     in requests at a time
│   ├── UnsupportedBodyError    a content type or content encoding that is not supported
│   ├── NotAcceptableError      an answer in none of the formats that the request accepts
│   ├── SlowBodyError           .seconds; the body did not arrive in time
│   ├── ParameterError          .parameter: an unknown parameter, or one with an invalid value
│   ├── UnauthorizedError       no API key, or an unknown one
│   └── NotReadyError           no certified model is loaded yet
├── SettingError                .setting, .reason
├── StoreError                  .address, .reason: a store or a signing key that cannot be used
└── TableError                  a file of rows that cannot be read or written
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

PROBLEMS_SHOWN = 20
"""How many problems an error lists. It counts them all."""


class ScorerError(Exception):
    """Root of the errors that this package raises on purpose. All can be pickled: engines send them to the caller."""

    def __reduce__(self) -> tuple[object, ...]:
        return Exception.__new__, (type(self), *self.args), self.__dict__  # __init__ has other parameters than args


class CoefficientFileError(ScorerError):
    """A coefficient file is refused.

    Attributes:
        source: the file's path or URL.
        at: the path in the document, such as ``$.terms[3].coefficient``; ``$`` is the whole document.
        reason: why, in words.
    """

    def __init__(self, source: str, at: str, reason: str) -> None:
        self.source, self.at, self.reason = source, at, reason
        where = source if at == "$" else f"{source}: {at}"
        super().__init__(f"{where}: {reason}")


class UnreadableFileError(CoefficientFileError):
    """The file cannot be read."""


class MissingFileError(UnreadableFileError):
    """The file does not exist."""


class FileTooLargeError(CoefficientFileError):
    """The file exceeds the size cap, and was not parsed."""


class NotJSONError(CoefficientFileError):
    """The file is not a JSON document."""


class UnknownFormatError(CoefficientFileError):
    """The file's format number is not one that this version of scorer reads."""


class UnknownKeyError(CoefficientFileError):
    """An object has a key that the format does not define."""


class DuplicateKeyError(CoefficientFileError):
    """An object has the same key twice."""


class MissingKeyError(CoefficientFileError):
    """An object lacks a required key."""


class WrongTypeError(CoefficientFileError):
    """A value has the wrong JSON type."""


class NotFiniteError(CoefficientFileError):
    """A number is NaN, infinite, or beyond the range of float64."""


class InvalidValueError(CoefficientFileError):
    """A value has the right type, and the format does not allow it."""


class UnknownInputError(CoefficientFileError):
    """A name is used that no input is declared with."""


class UnknownLevelError(CoefficientFileError):
    """A level is used that its input does not declare."""


class RepeatedNameError(CoefficientFileError):
    """A name that must be unique is used twice."""


class CertificateError(CoefficientFileError):
    """This machine does not reproduce the golden rows of the certificate."""


class EditedFileError(CoefficientFileError):
    """The file was edited since it was certified."""


class WrongHashError(CoefficientFileError):
    """The file, or its SHA-256, is not the one that the pointer names."""


class SignatureError(CoefficientFileError):
    """The file is not signed, or the public key does not verify its signature."""


class ReusedVersionError(CoefficientFileError):
    """The same version was served before with other bytes. Versions are immutable."""


@dataclass(frozen=True, slots=True)
class Problem:
    """One cell or row that cannot be scored. Never holds the value of a cell, which may be personal data.

    Attributes:
        row: zero-based index in the batch.
        field: name of the input; None if the problem is the row as a whole.
        code: for programs, stable: ``not_a_number``, ``not_finite``, ``wrong_type``, ``unknown_level``,
            ``not_an_object``, ``no_model_input``.
        message: for people.
    """

    row: int
    field: str | None
    code: str
    message: str

    def __str__(self) -> str:
        where = f"row {self.row}" if self.field is None else f"row {self.row}, {self.field}"
        return f"{where}: {self.message}"


class RowsError(ScorerError):
    """The rows cannot be scored. None of the batch was."""

    def __init__(self, message: str, problems: Sequence[Problem] = (), total: int | None = None) -> None:
        self.problems = tuple(problems[:PROBLEMS_SHOWN])
        self.total = len(problems) if total is None else total
        super().__init__(message)


class BadRowsError(RowsError):
    """Cells or rows cannot be read. Lists the first 20 in row order, and counts them all."""

    @classmethod
    def of(cls, problems: Sequence[Problem], total: int | None = None) -> BadRowsError:
        """The error of some problems, at least one."""
        count = len(problems) if total is None else total
        more = "" if count == 1 else f" (and {count - 1} more)"
        return cls(f"{problems[0]}{more}", problems, count)


class BadShapeError(RowsError):
    """The argument is neither a row, nor a list of rows, nor columns of one length."""


class RequestError(ScorerError):
    """The request cannot be answered, whatever its rows are."""


class MalformedBodyError(RequestError):
    """The request body is not a document of its format: JSON, unless its content type says otherwise."""


class LimitError(RequestError):
    """The request exceeds a limit.

    Attributes:
        limit: the largest value allowed, in the unit that the subclass names.
    """

    _message: ClassVar[str]

    def __init__(self, limit: int) -> None:
        self.limit = limit
        super().__init__(self._message.format(limit))


class BodyTooLargeError(LimitError):
    """The request body is too large. The limit is in bytes."""

    _message = "the request body is larger than the limit of {:,} bytes"


class RowTooLargeError(LimitError):
    """A row is too large to be held in memory, or no end of a row was found. The limit is in bytes."""

    _message = "a row is larger than the limit of {:,} bytes, or the rows cannot be told apart"


class TooManyRowsError(LimitError):
    """The request has too many rows."""

    _message = "the request has more rows than the limit of {:,}"


class OverloadedError(LimitError):
    """This worker is answering as many requests as it may at a time."""

    _message = "{:,} requests are being answered, the most that this worker takes on at a time"


class UnsupportedBodyError(RequestError):
    """The body has a content type or content encoding that is not supported."""


class NotAcceptableError(RequestError):
    """The request accepts an answer in none of the formats that are written."""


class SlowBodyError(RequestError):
    """The body did not arrive in time: ``seconds`` is the limit."""

    def __init__(self, seconds: float) -> None:
        self.seconds = seconds
        super().__init__(f"the body did not arrive within {seconds:g} seconds")


class ParameterError(RequestError):
    """A parameter is unknown, or has an invalid value: ``parameter`` is its name."""

    def __init__(self, parameter: str, reason: str) -> None:
        self.parameter = parameter
        super().__init__(f"{parameter}: {reason}")


class UnauthorizedError(RequestError):
    """The request has no API key, or an unknown one."""

    def __init__(self) -> None:
        super().__init__("send a known API key: Authorization: Bearer KEY")


class NotReadyError(RequestError):
    """No model has been loaded yet."""

    def __init__(self) -> None:
        super().__init__("no certified model is loaded yet")


class SettingError(ScorerError):
    """A setting has a value that cannot be used: ``setting`` is its name, ``reason`` says why."""

    def __init__(self, setting: str, reason: str) -> None:
        self.setting, self.reason = setting, reason
        super().__init__(f"{setting}: {reason}")


class StoreError(ScorerError):
    """A store, or a key for signatures, cannot be used: ``address`` is where it is, ``reason`` says why."""

    def __init__(self, address: str, reason: str) -> None:
        self.address, self.reason = address, reason
        super().__init__(f"{address}: {reason}")


class TableError(ScorerError):
    """A file of rows cannot be read or written."""
