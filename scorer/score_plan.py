"""What `scorer score` is to do: which files it reads, as what, and where what comes of each is written."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from scorer import formats, partitions
from scorer.errors import TableError
from scorer.folders.folder import File, Folder
from scorer.folders.local import Standard
from scorer.folders.opening import STANDARD, is_folder, look_up, open_folder, split


@dataclass(frozen=True)
class Input:
    """A file to read.

    Attributes:
        folder: has it.
        file: its place there.
        form: one of formats.NAMES.
        cells: columns of its directories' names.
    """

    folder: Folder
    file: File
    form: str
    cells: Mapping[str, str | None]

    @property
    def name(self) -> str:
        """Its name in errors."""
        return self.folder.where(self.file.path)


@dataclass(frozen=True)
class Output:
    """A file to write.

    Attributes:
        folder: is to have it.
        path: its place there.
        form: one of formats.NAMES.
    """

    folder: Folder
    path: str
    form: str

    @property
    def name(self) -> str:
        """Its name in errors."""
        return self.folder.where(self.path)


@dataclass(frozen=True)
class Job:
    """What is written of some files.

    Attributes:
        inputs: the files, in order; at least one.
        scores: where their scores go.
        errors: where their bad rows are reported; None if bad rows are errors.
    """

    inputs: Sequence[Input]
    scores: Output
    errors: Output | None = None


@dataclass(frozen=True)
class Plan:
    """Everything that one command is to do.

    Attributes:
        jobs: one for each output.
        out: the folder that has an output for each input; None if there is one output.
        source: the address of the inputs' folder.
        names_files: whether reports of bad rows name the file of each row.
        done: how many files a run before has done.
    """

    jobs: Sequence[Job]
    out: Folder | None
    source: str
    names_files: bool
    done: int = 0

    @property
    def inputs(self) -> list[Input]:
        """All files to read."""
        return [each for job in self.jobs for each in job.inputs]

    def without(self, paths: Collection[str]) -> Plan:
        """The plan without the jobs of some inputs, which a run before has done."""
        jobs = [job for job in self.jobs if job.inputs[0].file.path not in paths]
        return replace(self, jobs=jobs, done=len(self.jobs) - len(jobs))


def make_plan(address: str, out: str | None, errors: str | None, read_as: str | None, write_as: str | None) -> Plan:
    """Makes the plan of a command. Nothing is read but lists of files.

    Args:
        address: of a file or a folder; - for standard input.
        out: of a file or a folder for the scores; None for standard output.
        errors: of a file or a folder for bad rows; None if bad rows are errors.
        read_as: the format of the input, one of formats.NAMES; None to tell it by the ending.
        write_as: the format of the output; None to tell it by the ending, or for that of the input.

    Raises:
        TableError, StoreError, OSError: there is nothing to read, or the addresses do not fit each other.
    """
    if address == STANDARD and not read_as:
        raise TableError("the format of standard input cannot be told: name it with --from")
    folder, files, whole = look_up(address)
    inputs = _inputs(folder, files, whole, read_as)
    if out is None or not is_folder(out):
        plan = Plan([_one_job(inputs, out, errors, write_as)], None, folder.key(), whole)
    else:
        plan = Plan(_jobs(inputs, out, errors, write_as), open_folder(out, makes=True), folder.key(), False)
    _check(plan, whole)
    return plan


def _inputs(folder: Folder, files: Sequence[File], whole: bool, read_as: str | None) -> list[Input]:
    if not whole:
        return [Input(folder, file, read_as or formats.format_of(folder.where(file.path)), {}) for file in files]
    shown = [file for file in files if not _is_hidden(file.path)]
    chosen = shown if read_as else [file for file in shown if formats.is_known(file.path)]
    if not chosen:
        more = "" if read_as else "; --from names the format of files whose endings do not tell it"
        raise TableError(f"{folder.name}: no file of rows{more}")
    return [
        Input(folder, each, read_as or formats.format_of(each.path), partitions.of_path(each.path)) for each in chosen
    ]


def _is_hidden(path: str) -> bool:
    """Whether a file, or a directory above it, is not data, by Spark's rule: _SUCCESS, _temporary, .part-0.crc."""
    return any(part.startswith(".") or (part.startswith("_") and "=" not in part) for part in path.split("/"))


def _one_job(inputs: Sequence[Input], out: str | None, errors: str | None, write_as: str | None) -> Job:
    if errors and is_folder(errors):
        raise TableError(f"--errors {errors}: a directory, which needs a directory as --out")
    if not write_as and not out and len({each.form for each in inputs}) > 1:
        raise TableError("the files are of several formats: name one for the output with --to")
    form = write_as or (_form_of_output(out) if out else inputs[0].form)
    scores = Output(*split(out), form) if out else Output(Standard(), "standard output", form)
    return Job(inputs, scores, Output(*split(errors), _form_of_output(errors)) if errors else None)


def _jobs(inputs: Sequence[Input], out: str, errors: str | None, write_as: str | None) -> list[Job]:
    if isinstance(inputs[0].folder, Standard):
        raise TableError(f"--out {out}: a directory, and standard input has no name for a file in it")
    if errors and not is_folder(errors):
        raise TableError(f"--errors {errors}: has to be a directory, as --out is; end it with a slash")
    scores_to = open_folder(out, makes=True)
    errors_to = open_folder(errors, makes=True) if errors else None
    jobs = []
    for each in inputs:
        form = write_as or each.form
        path = formats.renamed(each.file.path, form)
        reported = Output(errors_to, path, form) if errors_to else None
        jobs.append(Job([each], Output(scores_to, path, form), reported))
    return jobs


def _form_of_output(address: str) -> str:
    try:
        return formats.format_of(address)
    except TableError as error:
        raise TableError(f"{error}; a directory has a slash at its end") from None


def _check(plan: Plan, whole: bool) -> None:
    """Refuses to write what is read, and two things to one file.

    Args:
        plan: what is to be done.
        whole: whether all of the source is read, so that nothing may be written there.
    """
    owners: dict[str, str] = {each.folder.key(each.file.path): _owner(plan, "the file", each) for each in plan.inputs}
    for job in plan.jobs:
        for what, file in ((_owner(plan, "--out", job.inputs[0]), job.scores), ("--errors", job.errors)):
            if file is None:
                continue
            key = file.folder.key(file.path)
            if whole and key.startswith(f"{plan.source}/"):
                raise TableError(f"{file.name}: below {plan.source}, all of which is read")
            if key in owners and not _is_device(key):
                raise TableError(f"{file.name}: {owners[key]} and {what} are the same file")
            owners[key] = what


def _owner(plan: Plan, what: str, file: Input) -> str:
    return what if len(plan.jobs) == 1 else f"{what} of {file.file.path}"


def _is_device(key: str) -> bool:
    """Whether a path is that of what may be read and written, as a terminal."""
    return Path(key).exists() and not Path(key).is_file()
