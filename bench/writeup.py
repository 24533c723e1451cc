"""python -m bench.writeup: docs/writeup.typ and the figures that other commands have written → docs/writeup.pdf."""

from __future__ import annotations

import hashlib

import typst

from bench.peers.catalog import ROOT

SOURCE, PDF = ROOT / "docs" / "writeup.typ", ROOT / "docs" / "writeup.pdf"
FIGURES = [ROOT / "bench" / f"{name}.json" for name in ("results", "accuracy", "suite", "capacity")]
SOURCES = [SOURCE, *FIGURES, ROOT / "docs" / "scaling.svg", ROOT / "coefficients" / "glm-26" / "1.0.0.json"]


def digest() -> str:
    """The SHA-256 of all sources of the PDF. The PDF carries it as a keyword, which shows if it is out of date."""
    return hashlib.sha256(b"".join(hashlib.sha256(path.read_bytes()).digest() for path in SOURCES)).hexdigest()


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
