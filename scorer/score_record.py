"""What a run that writes an output for each file keeps of itself beside them, so that a later one can go on with it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from scorer.errors import TableError
from scorer.folders.folder import File, Folder
from scorer.score_plan import Plan

RECORD = "_scorer.json"
"""In the outputs' folder. Readers of data leave out names that begin so."""

Run = Mapping[str, Any]
"""What decides on the outputs: model, options and source."""


def begin(plan: Plan, run: Run, resume: bool) -> Plan:
    """Begins a run, or goes on with one.

    The states of all inputs are recorded before any is scored, and the outputs of those that have changed since are
    removed before that. So whenever a run ends, an output that is there is that of the recorded state.

    Args:
        plan: of a command that writes an output for each file.
        run: of this command.
        resume: whether to leave out files whose outputs are there.

    Returns:
        The plan of what is left to do.

    Raises:
        TableError: there are outputs, and it is not said to go on; or they are of another run, or it cannot be told.
        StoreError, OSError: the folder cannot be read or written.
    """
    assert plan.out is not None
    there = {file.path: file for file in plan.out.files()}
    written = {job.inputs[0].file.path for job in plan.jobs if job.scores.path in there}
    record = _read(plan.out, there[RECORD]) if RECORD in there else None
    if (written or record) and not resume:
        raise TableError(f"{plan.out.name}: has outputs of a run: go on with it by --resume, or name another directory")
    if written and not record:
        raise TableError(f"{plan.out.name}: has outputs, and no {RECORD} that tells which run they are of")
    if record:
        _check(plan.out, record["run"], run)
    states = {each.file.path: each.file.state for each in plan.inputs}
    before: Mapping[str, str] = record["inputs"] if record else {}
    same = {path for path, state in states.items() if state and before.get(path) == state}
    for job in plan.jobs:
        path = job.inputs[0].file.path
        if path in written and path not in same:
            plan.out.remove(job.scores.path)
    if before != states:
        with plan.out.create(RECORD) as file:
            file.write(json.dumps({"run": run, "inputs": states}, indent=1).encode())
    return plan.without(written & same & _reported(plan))


def _reported(plan: Plan) -> set[str]:
    """The inputs whose reports of bad rows are there, if there are to be any."""
    first = plan.jobs[0].errors
    there = {file.path for file in first.folder.files()} if first else set()
    return {job.inputs[0].file.path for job in plan.jobs if job.errors is None or job.errors.path in there}


def _read(folder: Folder, file: File) -> Any:
    with folder.open(file, seeks=False) as opened:
        data = opened.read()
    try:
        record = json.loads(data)
        if isinstance(record["run"], dict) and isinstance(record["inputs"], dict):
            return record
    except (ValueError, TypeError, KeyError):
        pass
    raise TableError(f"{folder.where(RECORD)}: not a record of a run")


def _check(folder: Folder, recorded: Run, run: Run) -> None:
    # As JSON gives it back: of tuples it makes lists.
    now = json.loads(json.dumps(run))
    for name in {**recorded, **now}:
        if recorded.get(name) != now.get(name):
            told = f"{name} was {json.dumps(recorded.get(name))}, and is {json.dumps(now.get(name))}"
            raise TableError(f"{folder.name}: its outputs are of another run, so --resume cannot go on with it: {told}")
