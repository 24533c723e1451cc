"""The write-up is made of what is committed, without complaint, and is as long as it is meant to be."""

from __future__ import annotations

import json
import re

from bench import writeup
from bench.peers.catalog import ROOT


def test_the_pdf_is_that_of_its_sources() -> None:
    assert writeup.digest().encode() in writeup.PDF.read_bytes(), "stale: make writeup"


def test_it_has_four_to_eight_pages_and_typst_warns_of_nothing() -> None:
    pdf, warnings = writeup.compile_pdf()
    assert warnings == []
    assert 4 <= len(re.findall(rb"/Type\s*/Page\b", pdf)) <= 8


def test_its_date_is_that_of_the_newest_figures_of_speed() -> None:
    made = json.loads((ROOT / "bench" / "results.json").read_text())["made"].values()
    newest = max(section["date"] for section in made).replace("-", "")
    pdf, _ = writeup.compile_pdf()
    assert f"CreationDate(D:{newest}".encode() in pdf


def test_each_figure_comes_from_a_file_that_a_target_makes() -> None:
    text = writeup.SOURCE.read_text()
    makefile = (ROOT / "Makefile").read_text()
    assert {f"/bench/{path.name}" for path in writeup.FIGURES} >= set(re.findall(r'json\("(/bench/.*?)"\)', text))
    for target in re.findall(r"make (\w+) → bench/", text):
        assert re.search(rf"^{target}:", makefile, re.MULTILINE), target
