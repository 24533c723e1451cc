"""A simulated queue: independent callers (Poisson), and workers that take one call at a time.

In Kendall's notation: M/G/k. If each of k workers has its own queue and calls are distributed at random, each is an
M/G/1 with its share of the load. Calls are served in order of arrival.
"""

from __future__ import annotations

import heapq

import numpy as np
from numpy.typing import NDArray

Seconds = NDArray[np.float64]


def arrivals(rate: float, count: int, random: np.random.Generator) -> Seconds:
    """Random times of arrival in seconds, shape (count,): on average ``rate`` per second."""
    return np.cumsum(random.exponential(1 / rate, count))


def shared(begins: Seconds, services: Seconds, workers: int) -> Seconds:
    """Times from arrival to answer if the next free worker takes the call that has waited longest.

    Args:
        begins: times of arrival in ascending order, shape (n,).
        services: how long each call keeps a worker, shape (n,).
        workers: number of workers.

    Returns:
        Waiting plus service time of each call, shape (n,).
    """
    free = [0.0] * workers
    ends = np.empty(len(begins))
    for index, (begin, service) in enumerate(zip(begins.tolist(), services.tolist(), strict=True)):
        end = max(begin, free[0]) + service
        heapq.heapreplace(free, end)
        ends[index] = end
    return ends - begins


class Service:
    """Service times, drawn from measured quantiles."""

    def __init__(self, shares: Seconds, quantiles: Seconds) -> None:
        """Describes the distribution.

        Args:
            shares: probabilities, rising from 0, shape (m,).
            quantiles: the times at these probabilities, shape (m,).
        """
        self._shares, self._quantiles = shares, quantiles

    def draw(self, count: int, random: np.random.Generator) -> Seconds:
        """Random service times, shape (count,); uniformly distributed between two quantiles."""
        return np.interp(random.uniform(0, self._shares[-1], count), self._shares, self._quantiles)
