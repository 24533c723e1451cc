"""python -m bench.peers.check: checks that each peer answers as the scorer does.

A benchmark of servers with different answers would be meaningless.
"""

from __future__ import annotations

import csv
import http.client
import json
import signal
import sys
import tempfile
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

import scorer
from bench.peers.catalog import HOST, PEERS, PREDICT, ROOT, Peer
from bench.peers.running import PeerError, running
from export import standin
from scorer.scorer import Scorer

MODEL = ROOT / "coefficients" / "glm-26" / "1.0.1.json"
ROWS = 200
SEED = 26
PHAT_TOLERANCE = 1e-12
VARIABLE_TOLERANCE = 1e-9

Row = dict[str, Any]
Body = Row | list[Row]


class DifferenceError(Exception):
    """A peer's answer is not the scorer's."""


def main() -> int:
    """Checks every peer, and prints a line for each. Returns the exit code: 1 if one differs or does not start."""
    model = scorer.load(MODEL)
    bodies = make_bodies(model)
    failures = 0
    for peer in PEERS:
        try:
            phat, variable = check(peer, model, bodies)
        except (PeerError, DifferenceError, OSError, http.client.HTTPException) as error:
            failures += 1
            print(f"{peer.key}  {peer.name}: FAILED: {error}", flush=True)
        else:
            print(
                f"{peer.key}  {peer.name}: ok, GET {peer.readiness} is 200; {', '.join(bodies)}: "
                f"outcomes and keys equal, largest |Δphat| {phat:.1e}, |Δvariable| {variable:.1e}",
                flush=True,
            )
    return min(failures, 1)


def check(peer: Peer, model: Scorer, bodies: dict[str, Body]) -> tuple[float, float]:
    """Runs a peer and compares its answers with the scorer's.

    Returns:
        The largest differences of phat and of a variable.

    Raises:
        PeerError: it does not start or stop.
        DifferenceError: an answer differs.
    """
    with running(peer, MODEL) as server:
        return check_port(server.port, model, bodies)


def check_port(port: int, model: Scorer, bodies: dict[str, Body]) -> tuple[float, float]:
    """As check, for a server that is already running."""
    worst = [
        compare(ask(port, body), model.score(body).to_rows(), name, model.file.outcome.probability)
        for name, body in bodies.items()
    ]
    return max(phat for phat, _ in worst), max(variable for _, variable in worst)


def make_bodies(model: Scorer) -> dict[str, Body]:
    """Stand-in rows as texts and as numbers, single objects, and the certificate's golden rows (edge cases)."""
    with tempfile.TemporaryDirectory() as directory:
        _, test = standin.write(ROWS * standin.TEST_SHARE, SEED, Path(directory), model)
        with test.open(encoding="utf-8", newline="") as file:
            texts: list[Row] = [{name: cell or None for name, cell in row.items()} for row in csv.DictReader(file)]
    plain = {declared.name for declared in model.file.inputs if declared.kind == "number"}
    numbers = [{name: float(cell) if cell and name in plain else cell for name, cell in row.items()} for row in texts]
    golden: list[Row] = [dict(row.cells) for row in model.file.certificate.rows]
    return {
        f"{len(texts)} rows as texts": texts,
        f"{len(numbers)} with numbers": numbers,
        "both mixed": [row for pair in zip(texts, numbers, strict=True) for row in pair],
        "one object": numbers[0],
        "one object as texts": texts[-1],
        f"{len(golden)} golden rows": golden,
        "one object with all missing": dict.fromkeys(golden[0]),
    }


def ask(port: int, body: Body) -> Any:
    """A peer's answer to a body.

    Raises:
        DifferenceError: the status is not 200, or the answer is not JSON.
    """
    with closing(http.client.HTTPConnection(HOST, port, timeout=60)) as connection:
        headers = {"content-type": "application/json", "accept-encoding": "identity"}
        connection.request("POST", PREDICT, json.dumps(body).encode(), headers)
        response = connection.getresponse()
        answer = response.read()
    if response.status != http.HTTPStatus.OK:
        raise DifferenceError(f"status {response.status}: {answer[:500]!r}")
    try:
        return json.loads(answer)
    except ValueError:
        raise DifferenceError(f"not JSON: {answer[:500]!r}") from None


def compare(answer: Any, expected: Sequence[dict[str, float | int]], name: str, phat_name: str) -> tuple[float, float]:
    """Compares an answer with the expected one.

    Args:
        answer: the peer's answer.
        expected: the scorer's answer.
        name: what to call the body in errors.
        phat_name: the probability's key; other floats are variables, and integers are the outcome and dummies.

    Returns:
        The largest differences of phat and of a variable.

    Raises:
        DifferenceError: one is above its tolerance, or shape, keys, their order, types or integers differ.
    """
    if not isinstance(answer, list) or len(answer) != len(expected):
        raise DifferenceError(f"{name}: not an array of {len(expected)}")
    phat = variable = 0.0
    for index, (row, wanted) in enumerate(zip(answer, expected, strict=True)):
        if not isinstance(row, dict) or list(row) != list(wanted):
            raise DifferenceError(f"{name}: row {index}: not an object with the scorer's keys in their order")
        for key, value in wanted.items():
            difference = abs(row[key] - value) if type(row[key]) is type(value) else float("inf")
            tolerance = 0.0 if isinstance(value, int) else VARIABLE_TOLERANCE
            if key == phat_name:
                tolerance = PHAT_TOLERANCE
                phat = max(phat, difference)
            else:
                variable = max(variable, difference)
            if not difference <= tolerance:
                raise DifferenceError(f"{name}: row {index}: {key} is {row[key]!r} and should be {value!r}")
    return phat, variable


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # so that SIGTERM stops a running peer too
    sys.exit(main())
