"""Where things lie in the repository."""

from __future__ import annotations

from pathlib import Path

ROOT = Path(__file__).parents[2]
DATA = ROOT / "tests" / "data"
ROWS = ROOT / "examples" / "rows.json"
"""100 stand-in rows."""
