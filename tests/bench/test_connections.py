"""Connections that are opened at once."""

from __future__ import annotations

import pytest

from bench import connections


@pytest.mark.usefixtures("unmeasured")
def test_every_trial_is_noted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connections, "TRIALS", 3)
    monkeypatch.setattr(connections, "CONNECTIONS", (2, 4))
    assert connections.measure() == {"most": {"2": [1, 1, 1], "4": [2, 2, 2]}}


def test_the_bound_is_the_half_of_them_in_any_trial() -> None:
    results = {"most": {"2": [1, 1, 1], "8": [4, 6, 4]}}
    assert [bound.met() for bound in connections.bounds(results)] == [True, False]
    assert connections.table(results).splitlines()[-1] == "| 8 | 3 | 4: 2, 6: 1 |"
