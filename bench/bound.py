"""A measured figure and its bound."""

from __future__ import annotations

from dataclasses import dataclass, replace

from bench.timing import Samples


@dataclass(frozen=True, slots=True)
class Bound:
    """A measured figure, often a ratio, and its bound.

    Attributes:
        what: description in words.
        value: the figure, of CPU time where it is of times.
        bound: the figure that has to be reached.
        aim: a better figure, not required.
        most: whether the bound is an upper one.
        wall: the same figure of wall time; None where the figure is not of times, or is of wall time itself.
    """

    what: str
    value: float
    bound: float
    aim: float
    most: bool
    wall: float | None = None

    def met(self) -> bool:
        """Whether the bound is reached."""
        return self.value <= self.bound if self.most else self.value >= self.bound

    def shown(self) -> str:
        """The value, with the digits that show on which side of the bound it is."""
        digits = _digits(self.value)
        while replace(self, value=round(self.value, digits)).met() != self.met():
            digits += 1
        return f"{self.value:,.{digits}f}"

    def asked(self) -> str:
        """The bound, with its sign."""
        return f"{'≤' if self.most else '≥'} {_number(self.bound)}"

    def row(self) -> str:
        """A row of the table."""
        verdict = "yes" if self.met() else "**no**"
        wall = "" if self.wall is None else f"{self.wall:,.{_digits(self.wall)}f}"
        return f"| {self.what} | {self.shown()} | {wall} | {self.asked()} | {_number(self.aim)} | {verdict} |"


def of_times(what: str, above: Samples, below: Samples, bound: float, aim: float, *, most: bool) -> Bound:
    """A ratio of times: the least CPU time of all rounds, and beside it the least wall time.

    Args:
        what: description in words.
        above: CPU and wall times of what is divided.
        below: those of what it is divided by.
        bound: the ratio that has to be reached.
        aim: a better ratio.
        most: whether the bound is an upper one.
    """
    cpu, wall = (min(above[name]) / min(below[name]) for name in ("cpu", "wall"))
    return Bound(what, cpu, bound, aim, most, wall)


def of_rows(what: str, rows: int, samples: Samples, bound: float, aim: float) -> Bound:
    """Rows a second, at least: of the least CPU time of all rounds, and beside it of the least wall time.

    Args:
        what: whose rows, in words.
        rows: how many are scored in a round.
        samples: CPU and wall times of the rounds.
        bound: the rows a second that have to be reached.
        aim: more of them.
    """
    cpu, wall = (rows / min(samples[clock]) for clock in ("cpu", "wall"))
    return Bound(f"{what}: rows a second", cpu, bound, aim, most=False, wall=wall)


def _digits(value: float) -> int:
    if value < 0.1:
        return 3
    return 2 if value < 10 and value != int(value) else 0


def _number(value: float) -> str:
    return f"{value:,.10g}"
