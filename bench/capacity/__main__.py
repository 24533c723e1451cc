"""python -m bench.capacity: measures one worker and simulates many.

Writes bench/capacity.json, docs/scaling.svg and the tables on scaling in docs/performance.md. Takes two minutes,
best on an idle machine.
"""

from __future__ import annotations

import json
import signal
import sys
import tempfile
from pathlib import Path

import scorer
from bench import contenders, pages
from bench.capacity import page, plot
from bench.capacity.measure import measure
from bench.load.client import TargetError
from bench.machine import machine, say
from bench.peers.check import MODEL
from bench.peers.running import PeerError, running
from bench.rows import SEED, stand_in


def main() -> int:
    """Measures and writes. Returns the exit code: 2, with one line on stderr, if that fails."""
    try:
        with tempfile.TemporaryDirectory() as directory:
            _, rows = stand_in(4_000, SEED, Path(directory), scorer.load(MODEL))
        with running(contenders.SCORER, MODEL, contenders.OWN) as server:
            measured = {"machine": machine(), **measure(server, rows, say)}
    except (PeerError, TargetError, RuntimeError) as error:
        print(f"capacity: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("capacity: interrupted, nothing was written", file=sys.stderr)
        return 130
    page.CAPACITY.write_text(json.dumps(measured, indent=1) + "\n")
    say("The simulated curves")
    plot.draw(measured, page.PLOT)
    results = json.loads(page.RESULTS.read_text())
    pages.write(results, measured)
    print(page.tables(results, measured))
    return 0


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # so that SIGTERM stops the server too
    sys.exit(main())
