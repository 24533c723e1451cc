from __future__ import annotations

from pathlib import Path

import pytest

from export import standin
from export.__main__ import main

TRAIN = ["train", "--name", "a", "--version", "1.0.0"]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ([*TRAIN, "--train", "no.csv"], "export: no.csv: "),
        (
            [*TRAIN, "--train", "no.csv", "--approved", "no.json"],
            "export: no.json: ",
        ),
        (["diff", "no.json", "no.json"], "export: no.json: no such file or directory"),
        (["standin", "--rows", "5", "--out", "/dev/null/a"], "export: /dev/null/a: not a directory"),
    ],
)
def test_errors_are_one_clear_line(arguments: list[str], message: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(arguments) == 2
    err = capsys.readouterr().err
    assert err.startswith(message)
    assert err.count("\n") == 1


@pytest.mark.parametrize("rows", ["0", "-1", "ten", "1_0"])
def test_a_count_of_rows_is_a_whole_number(rows: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["standin", "--rows", rows, "--out", "x"])
    assert "expected a whole number above 0" in capsys.readouterr().err


def test_diff_on_rows_that_cannot_be_scored(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    from tests.support.models import SHIPPED

    rows = tmp_path / "rows.csv"
    rows.write_text("x12\nabc\n")
    assert main(["diff", str(SHIPPED), str(SHIPPED), "--rows", str(rows)]) == 2
    assert "x12: the text is not a number" in capsys.readouterr().err


def test_ctrl_c_says_that_nothing_was_written(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def interrupted(*_arguments: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(standin, "write", interrupted)
    assert main(["standin", "--out", "x"]) == 130
    assert capsys.readouterr().err == "export: interrupted, nothing was written\n"
