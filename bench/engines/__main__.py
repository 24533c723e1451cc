"""python -m bench.engines: measures Spark, `scorer score`, polars and the notebook's way on the same rows.

Writes bench/engines.json and its part of docs/engines.md. Takes ten minutes, best on an idle machine. Needs the
environment of `make test-engines`, and Java 17.
"""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import tempfile
from pathlib import Path

from bench import markdown
from bench.engines import page
from bench.engines.measure import Sizes, measure
from bench.engines.session import EngineError
from bench.machine import complaint, machine, made, say

LIBRARIES = ("numpy", "pandas", "polars", "pyarrow", "pyspark", "scikit-learn")


def main() -> int:
    """Measures and writes. Returns the exit code: 2, with a line on stderr, if that fails."""
    try:
        with tempfile.TemporaryDirectory() as directory:
            measured = measure(Sizes(), Path(directory), say)
    except EngineError as error:
        print(f"engines: {error}", file=sys.stderr)
        return 2
    except subprocess.CalledProcessError as error:
        print(f"engines: {error}: {complaint(error)}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("engines: interrupted, nothing was written", file=sys.stderr)
        return 130
    results = {"machine": machine(LIBRARIES), "made": made(), **measured}
    page.ENGINES.write_text(json.dumps(results, indent=1) + "\n")
    text = page.text(results)
    markdown.put(page.PAGE, page.COMMAND, text)
    print(text)
    return 0


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # so that SIGTERM ends the sessions too
    sys.exit(main())
