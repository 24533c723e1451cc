"""A queue in which callers who know nothing of each other (Poisson) meet workers that take one call at a time.

In Kendall's notation: M/G/k. Where each of k workers has a queue of its own and calls are dealt out at random, each is
an M/G/1 with its share of the load. Calls are served in the order in which they come.
"""

from __future__ import annotations

import heapq

import numpy as np
from numpy.typing import NDArray

Seconds = NDArray[np.float64]


def arrivals(rate: float, count: int, random: np.random.Generator) -> Seconds:
    """When calls come, in seconds, shape (count,): so many a second on average, at random times."""
    return np.cumsum(random.exponential(1 / rate, count))


def shared(begins: Seconds, services: Seconds, workers: int) -> Seconds:
    """Times from arrival to answer where the next free worker takes the call that has waited longest.

    Args:
        begins: arrivals in their order, shape (n,).
        services: how long each call keeps a worker, shape (n,).
        workers: how many.

    Returns:
        Waiting and service of each call, shape (n,).
    """
    free = [0.0] * workers
    ends = np.empty(len(begins))
    for place, (begin, service) in enumerate(zip(begins.tolist(), services.tolist(), strict=True)):
        end = max(begin, free[0]) + service
        heapq.heapreplace(free, end)
        ends[place] = end
    return ends - begins


class Service:
    """Service times, drawn from measured quantiles."""

    def __init__(self, shares: Seconds, quantiles: Seconds) -> None:
        """Takes the distribution.

        Args:
            shares: probabilities, rising from 0, shape (m,).
            quantiles: the times that they belong to, shape (m,).
        """
        self._shares, self._quantiles = shares, quantiles

    def draw(self, count: int, random: np.random.Generator) -> Seconds:
        """So many service times; between two quantiles all are equally likely."""
        return np.interp(random.uniform(0, self._shares[-1], count), self._shares, self._quantiles)
