"""The processes of the service: one that loads and watches, and workers that answer.

The first process loads and checks everything and then makes the workers by forking, so that they share what was
loaded. SIGHUP loads anew: only when all of it holds do the workers change to it, one after the other, each finishing
its calls. A worker that dies is replaced. SIGTERM and SIGINT end the service once the calls in flight are answered.
"""

from __future__ import annotations

import gc
import logging
import multiprocessing
import time
from dataclasses import replace
from typing import Any

from granian.constants import Interfaces
from granian.server.mp import MPServer, WorkerProcess

from cds_service.app import Application, Prepared, create_app, prepare
from cds_service.endpoints.logs import configure
from cds_service.errors import CdsError
from cds_service.settings import Settings

_log = logging.getLogger(__name__)

_SPARE_THREADS = 16  # beyond those that answer: they tell the calls that are too many, and answer health checks
_REPLACE_SECONDS = 0.5  # how long a new worker runs beside the old one before that is told to finish


def serve(settings: Settings) -> int:
    """Answer calls until the process is told to stop; the exit status."""
    configure(settings.log_level)
    server = _Server(settings, prepare(settings))
    _log.info("serving", extra={"address": f"{settings.host}:{settings.port}", "workers": settings.workers})
    try:
        server.serve(spawn_target=server.work, target_loader=server.application, wrap_loader=False)
    except SystemExit as ending:
        return int(ending.code or 0) if not isinstance(ending.code, str) else 1
    return 0


class _Respawns(dict[int, float]):
    """When workers were replaced; forgets, so that a crash is answered by a new worker however soon it comes."""

    def get(self, _key: int, default: Any = None) -> Any:
        time.sleep(0.1)  # a worker that cannot live must not keep the machine busy with dying
        return default


class _Server(MPServer):
    """Granian with forked workers that write what they owe before they end."""

    def __init__(self, settings: Settings, prepared: Prepared) -> None:
        multiprocessing.set_start_method("fork", force=True)  # workers share what was loaded
        threads = settings.concurrency + _SPARE_THREADS
        super().__init__(
            "cds_service",
            address=settings.host,
            port=settings.port,
            interface=Interfaces.WSGI,
            workers=settings.workers,
            blocking_threads=threads,
            backpressure=4096,  # connections, most of them idle; the gate counts calls
            backlog=4096,
            respawn_failed_workers=True,
            respawn_interval=_REPLACE_SECONDS,
            workers_kill_timeout=settings.stop_seconds,
            log_dictconfig=_QUIET,
            websockets=False,
        )
        self.respawned_wrks = _Respawns()
        self._settings, self._prepared = settings, prepared
        self._application: Application | None = None
        self._row = 0  # of the metrics: while a worker is replaced, old and new must not count in the same one
        self._spawned = [0] * settings.workers
        self.on_reload(self._load_anew)
        self._settle()

    def application(self) -> Application:
        """The application of this worker; called after the fork."""
        self._application = create_app(self._prepared, self._row)
        return self._application

    def _spawn_worker(self, *args: Any, **named: Any) -> WorkerProcess:
        index = named["idx"]
        self._spawned[index] += 1
        self._row = 2 * index + self._spawned[index] % 2
        return super()._spawn_worker(*args, **named)

    def work(self, *args: Any) -> None:
        """The life of a worker process: answer until told to stop, then write what is queued."""
        try:
            MPServer._spawn_wsgi_worker(*args)
        finally:
            if self._application is not None:
                self._application.close()

    def _load_anew(self) -> None:
        try:
            loaded = prepare(self._settings)
            if loaded.offers.keys() == self._prepared.offers.keys():
                loaded = replace(loaded, metrics=self._prepared.metrics)  # counters never go back
            self._prepared = loaded
        except CdsError as error:
            _log.error("reload refused, the loaded content stays: %s", error)
        else:
            _log.info("content loaded anew")
        self._settle()

    def _settle(self) -> None:
        gc.collect()
        gc.freeze()  # what is loaded stays: no collection looks at it again, no fork copies it


_QUIET: dict[str, Any] = {
    "version": 1,
    "disable_existing_loggers": False,
    "loggers": {"_granian": {"level": "WARNING", "propagate": True}, "granian.access": {"level": "ERROR"}},
}
