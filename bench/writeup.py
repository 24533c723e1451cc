"""python -m bench.writeup: docs/writeup.typ and the figures that other commands have written → docs/writeup.pdf."""

from __future__ import annotations

import hashlib
from pathlib import Path

import typst

from bench.peers.catalog import ROOT
from scorer.store import pointer

SOURCE, PDF = ROOT / "docs" / "writeup.typ", ROOT / "docs" / "writeup.pdf"
FIGURES = [ROOT / "bench" / f"{name}.json" for name in ("results", "accuracy", "suite", "capacity", "engines")]
COEFFICIENTS = ROOT / "coefficients"


def sources() -> list[Path]:
    """All files that the PDF is made of; of the models the one that the pointer names."""
    current = COEFFICIENTS / pointer.POINTER
    model = COEFFICIENTS / pointer.parse(current.read_bytes(), current.name).key
    return [SOURCE, *FIGURES, ROOT / "docs" / "scaling.svg", current, model]


def digest() -> str:
    """The SHA-256 of all sources of the PDF. The PDF carries it as a keyword, which shows if it is out of date."""
    return hashlib.sha256(b"".join(hashlib.sha256(path.read_bytes()).digest() for path in sources())).hexdigest()


def compile_pdf() -> tuple[bytes, list[str]]:
    """The PDF and the warnings of typst."""
    pdf, warnings = typst.compile_with_warnings(
        SOURCE, root=ROOT, format="pdf", sys_inputs={"digest": digest()}, ignore_system_fonts=True
    )
    return pdf, [str(warning) for warning in warnings]


if __name__ == "__main__":
    made, complaints = compile_pdf()
    PDF.write_bytes(made)
    print("\n".join([*complaints, f"{PDF.relative_to(ROOT)}: {len(made):,} bytes"]))
