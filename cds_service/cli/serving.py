"""The processes of the service: one that loads and watches, and workers that answer.

The first process loads and checks everything and then makes the workers by forking, so that they share what was
loaded. SIGHUP loads anew: only when all of it holds do the workers change to it, one after the other, each finishing
its calls. A worker that dies is replaced. SIGTERM and SIGINT end the service once the calls in flight are answered.
"""

from __future__ import annotations

import gc
import logging
import multiprocessing
import os
import signal
import socket
import threading
import time
from collections import deque
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import replace
from queue import SimpleQueue
from typing import TYPE_CHECKING, Any, Protocol, cast

from granian.constants import Interfaces, SSLProtocols
from granian.server.mp import MPServer, WorkerProcess

from cds_service.app import Prepared, create_app, prepare
from cds_service.endpoints.gate import MOST_BODIES
from cds_service.endpoints.logs import configure
from cds_service.errors import CdsError
from cds_service.settings import Settings

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIEnvironment

_log = logging.getLogger(__name__)

_SPARE_THREADS = MOST_BODIES + 32  # beyond those that answer: they take in bodies, refuse further calls, answer checks
_MOST_DEATHS, _WITHIN_SECONDS = 12, 30.0  # workers that die so often cannot be helped by more of them
_REPLACE_SECONDS = 0.5  # how long a new worker runs beside the old one before that is told to finish


class Served(Protocol):
    """A WSGI application with an end."""

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]: ...

    def close(self) -> None:
        """Write what is not yet written."""


Make = Callable[[int], Served]  # makes the application of the worker that counts in this row of the metrics


def serve(settings: Settings) -> int:
    """Answer calls until the process is told to stop; the exit status."""
    configure(settings.log_level)
    signal.signal(signal.SIGHUP, signal.SIG_IGN)  # until there is something to load anew
    settings = replace(settings, host=_usable_address(settings))
    content = _Content(settings)
    _log.info("serving", extra={"address": f"{settings.host}:{settings.port}", "workers": settings.workers})
    return run_server(settings, content.application, content.load_anew)


class AddressUnusable(CdsError):
    """The service cannot listen where it should."""

    code = "address-unusable"


def _usable_address(settings: Settings) -> str:
    """The IP address to listen on, where nobody does: workers share their port, and would share it with others too."""
    where = f"{settings.host}:{settings.port}"
    try:
        family, kind, _, _, address = socket.getaddrinfo(settings.host, settings.port, type=socket.SOCK_STREAM)[0]
        with socket.socket(family, kind) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind(address)
            return str(address[0])
    except OSError as error:
        remedy = "Choose another CDS_PORT or CDS_HOST, or end what listens there."
        raise AddressUnusable(f"Cannot listen on {where}: {error.strerror}.", remedy=remedy) from None


class _Content:
    """What is loaded, and loaded anew on request."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._prepared = _tried(prepare(settings))

    def application(self, row: int) -> Served:
        return create_app(self._prepared, row)

    def load_anew(self) -> None:
        try:
            loaded = _tried(prepare(self._settings))
        except CdsError as error:
            _log.error("reload refused, the loaded content stays: %s", error)
            return
        except Exception:  # noqa: BLE001  # whatever it was, the workers that answer must not pay for it
            _log.error("reload failed, the loaded content stays", exc_info=True)
            return
        if loaded.offers.keys() == self._prepared.offers.keys():
            loaded = replace(loaded, metrics=self._prepared.metrics)  # counters never go back
        self._prepared = loaded
        _log.info("content loaded anew")


def _tried(prepared: Prepared) -> Prepared:
    """The same, once an application could be made of it: what fails, fails here and not in every worker."""
    create_app(prepared).close()
    return prepared


def run_server(settings: Settings, make: Make, on_reload: Callable[[], None] | None = None) -> int:
    """Serve what `make` makes, in as many processes as the settings say, until a signal ends it; the exit status."""
    server = _Server(settings, make, on_reload)
    try:
        server.serve(spawn_target=server.work, target_loader=server.application, wrap_loader=False)
    except SystemExit as ending:
        return ending.code if isinstance(ending.code, int) else 1
    return 0


class _Respawns(dict[int, float]):
    """When workers were replaced, as granian asks before it gives up on a worker that died soon after its start.

    A dead worker is replaced however soon it died, until so many die that no worker of this installation can live.
    """

    def __init__(self) -> None:
        super().__init__()
        self._deaths: deque[float] = deque(maxlen=_MOST_DEATHS)

    def get(self, _key: int, default: Any = None) -> Any:
        time.sleep(0.1)  # a worker that cannot live must not keep the machine busy with dying
        now = time.monotonic()
        self._deaths.append(now)
        hopeless = len(self._deaths) == _MOST_DEATHS and now - self._deaths[0] < _WITHIN_SECONDS
        return now if hopeless else default


class Alarm:
    """What wakes the first process; unlike an Event it may be set while a signal interrupts its being set.

    Who ends a service often signals twice (the process, then its group), and an Event would wait for itself for good.
    """

    def __init__(self) -> None:
        self._calls: SimpleQueue[None] = SimpleQueue()

    def set(self) -> None:
        self._calls.put(None)

    def wait(self) -> None:
        self._calls.get()

    def clear(self) -> None:
        """Nothing: each call wakes once, and none is lost."""


class _Server(MPServer):
    """Granian with forked workers that write what they owe before they end."""

    def __init__(self, settings: Settings, make: Make, on_reload: Callable[[], None] | None) -> None:
        multiprocessing.set_start_method("fork", force=True)  # workers share what was loaded
        super().__init__(
            "cds_service",
            address=settings.host,
            port=settings.port,
            interface=Interfaces.WSGI,
            workers=settings.workers,
            blocking_threads=settings.concurrency + _SPARE_THREADS,
            backpressure=4096,  # connections, most of them idle; the gate counts calls
            backlog=4096,
            respawn_failed_workers=True,
            respawn_interval=_REPLACE_SECONDS,
            workers_kill_timeout=settings.stop_seconds,
            log_dictconfig=_QUIET,
            ssl_cert=settings.tls_certificate,
            ssl_key=settings.tls_key,
            ssl_protocol_min=SSLProtocols.tls12,
            websockets=False,
        )
        self.respawned_wrks = _Respawns()
        self.main_loop_interrupt = cast(threading.Event, Alarm())
        self._stop_seconds = settings.stop_seconds
        self._make = make
        self._made: Served | None = None
        self._row = 0  # of the metrics: while a worker is replaced, old and new must not count in the same one
        self._spawned = [0] * settings.workers
        if on_reload is not None:
            self.on_reload(on_reload)
        self.on_reload(_settle)
        _settle()

    def application(self) -> Served:
        """The application of this worker; called after the fork."""
        made = self._made = self._make(self._row)
        return made

    def _spawn_worker(self, *args: Any, **named: Any) -> WorkerProcess:
        index = named["idx"]
        self._spawned[index] += 1
        self._row = 2 * index + self._spawned[index] % 2
        return super()._spawn_worker(*args, **named)

    def _stop_workers(self) -> None:
        """Stop them all; one that is still starting takes the first signal for its parent's, and is told again."""
        pids = tuple(worker.inner.pid for worker in self.wrks if worker.inner.pid)
        threading.Thread(target=_tell_again, args=(pids,), daemon=True).start()
        super()._stop_workers()  # type: ignore[no-untyped-call]  # granian gives it none

    def work(self, *args: Any) -> None:
        """The life of a worker process: answer until told to stop, then write what is queued."""
        threading.Thread(target=_end_with_parent, args=(self._stop_seconds,), daemon=True).start()
        try:
            MPServer._spawn_wsgi_worker(*args)
        finally:
            if self._made is not None:
                self._made.close()


def _tell_again(pids: Iterable[int]) -> None:
    """Tell workers to end a few times more: one that ends already is not disturbed by that."""
    for _ in range(6):
        time.sleep(0.5)
        for pid in pids:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGTERM)


def _end_with_parent(seconds: float) -> None:
    """End this worker like a signal would once the first process is gone: nobody else would, and it holds the port."""
    if (parent := multiprocessing.parent_process()) is not None:
        parent.join()
        os.kill(os.getpid(), signal.SIGTERM)
        time.sleep(seconds)
        os._exit(1)


def _settle() -> None:
    """What is loaded stays: no collection looks at it again, and no fork copies it."""
    gc.unfreeze()  # what an earlier load left behind can go
    gc.collect()
    gc.freeze()
    gc.set_threshold(20_000, 20, 50)  # a call makes little that is cyclic: looking for it can be rare


_QUIET: dict[str, Any] = {
    "version": 1,
    "disable_existing_loggers": False,
    "loggers": {"_granian": {"level": "WARNING", "propagate": True}, "granian.access": {"level": "ERROR"}},
}
