"""Starts the workers of a server that has several, and starts those anew that end."""

from __future__ import annotations

import os
import signal
import socket

import uvicorn
from uvicorn.supervisors import Multiprocess
from uvicorn.supervisors.multiprocess import Process

from scorer.service.distributor import Distributor


class Supervisor(Multiprocess):
    """uvicorn's, but workers are passed their connections, and SIGHUP, where uvicorn's own would restart them."""

    def __init__(self, config: uvicorn.Config, distributor: Distributor) -> None:
        """Starts nothing yet.

        Args:
            config: for the workers; its loop is scorer.service.receiver.Loop.
            distributor: passes them their connections.
        """
        super().__init__(config, [])
        self._distributor = distributor
        self._watched: list[Process] = []

    @property
    def sockets(self) -> list[socket.socket]:
        """What a worker serves; uvicorn asks for it once for each that it starts."""
        return [self._distributor.add_worker()]

    @sockets.setter
    def sockets(self, _: list[socket.socket]) -> None: ...

    def init_processes(self) -> None:
        """As uvicorn's: starts the workers."""
        super().init_processes()
        self._watch_new_ones()

    def keep_subprocess_alive(self) -> None:
        """As uvicorn's: starts a worker in place of each that has ended."""
        super().keep_subprocess_alive()
        self._watch_new_ones()

    def handle_ttin(self) -> None:
        """As uvicorn's: starts one more worker."""
        super().handle_ttin()
        self._watch_new_ones()

    def _watch_new_ones(self) -> None:
        for process in self.processes:
            if process not in self._watched:
                self._distributor.worker_started(process.process.sentinel)
        self._watched = list(self.processes)

    def terminate_all(self) -> None:
        """As uvicorn's: ends the workers."""
        self._distributor.end_with_workers()
        super().terminate_all()

    def handle_hup(self) -> None:
        """Passes SIGHUP on."""
        for process in self.processes:
            if process.pid is not None:
                os.kill(process.pid, signal.SIGHUP)
