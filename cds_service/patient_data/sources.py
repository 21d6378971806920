"""The servers that may be asked, with the sessions and the threads to ask them."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, wait
from dataclasses import dataclass, field

import requests

from cds_service.fhir.structs.decoding import Decoded, Decoder
from cds_service.hooks.requests import HookRequest
from cds_service.patient_data.allowed import parse_base, permission
from cds_service.patient_data.connections import make_session
from cds_service.patient_data.fhir_server import Bounds, Budget, FhirServer, NotObtained

_THREADS = 32


@dataclass(frozen=True)
class Sources:
    """Where data may be fetched; made once for a process. `allowed` empty means that nothing is ever fetched."""

    allowed: tuple[str, ...] = ()
    bounds: Bounds = field(default_factory=Bounds)
    listed: requests.Session = field(default_factory=lambda: make_session(private=True), repr=False)
    public: requests.Session = field(default_factory=lambda: make_session(private=False), repr=False)
    threads: ThreadPoolExecutor = field(
        default_factory=lambda: ThreadPoolExecutor(_THREADS, thread_name_prefix="fhir"), repr=False
    )

    def server(self, request: HookRequest, decoder: Decoder) -> FhirServer | None:
        """The FHIR server that a request names, if it may be called."""
        patterns = self.allowed if request.client.fhir_servers is None else request.client.fhir_servers
        if request.fhir_server is None or not self.allowed or not patterns:
            return None
        base = parse_base(request.fhir_server)
        granted = permission(base, patterns) if base is not None else None
        if base is None or granted is None:
            return None
        authorization = request.fhir_authorization
        return FhirServer(
            base=base,
            url=request.fhir_server.rstrip("/"),
            session=self.listed if granted.private else self.public,
            decoder=decoder,
            bounds=self.bounds,
            token=authorization.access_token if authorization else None,
        )

    def budget(self) -> Budget:
        """The time for one call, from now on."""
        return Budget(time.monotonic() + self.bounds.seconds)

    def fetch_all(
        self, jobs: Sequence[Callable[[], list[Decoded]]], budget: Budget
    ) -> list[list[Decoded] | NotObtained]:
        """The results of all jobs, side by side, at the deadline at the latest; a job that failed gives its reason."""
        futures: list[Future[list[Decoded]]] = [self.threads.submit(job) for job in jobs]
        _, late = wait(futures, timeout=max(0.0, budget.seconds_left()))
        if late:
            budget.watch.cut()
            for future in late:
                future.cancel()
        return [_result(future) for future in futures]

    def close(self) -> None:
        """End the threads and connections."""
        self.threads.shutdown(wait=False, cancel_futures=True)
        self.listed.close()
        self.public.close()


def _result(future: Future[list[Decoded]]) -> list[Decoded] | NotObtained:
    if future.cancelled() or not future.done():
        return NotObtained("no answer in time")
    failure = future.exception()
    if isinstance(failure, NotObtained):
        return failure
    if failure is not None:
        raise failure
    return future.result()
