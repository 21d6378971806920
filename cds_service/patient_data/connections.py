"""Connections that go only where they may, and that can be cut when the time of a call is over.

A name is resolved once and the connection goes to an address that was looked at: a name that points to a private
network between two look-ups gains nothing. A cut ends reads that a slow server keeps alive byte by byte.
"""

from __future__ import annotations

import contextlib
import ipaddress
import socket
import threading
from typing import Any

import requests
from requests.adapters import HTTPAdapter
from urllib3 import HTTPConnectionPool, HTTPSConnectionPool, PoolManager
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.exceptions import NewConnectionError

_POOL = 32


class Watch:
    """The connections in use for one call; `cut` ends them all, at once and from another thread."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._connections: set[HTTPConnection] = set()
        self.is_cut = False

    def add(self, connection: HTTPConnection) -> None:
        with self._lock:
            self._connections.add(connection)

    def cut(self) -> None:
        with self._lock:
            self.is_cut = True
            connections = list(self._connections)
        for connection in connections:
            with contextlib.suppress(OSError, AttributeError):
                connection.sock.shutdown(socket.SHUT_RDWR)


class _Current(threading.local):
    watch: Watch | None = None


_current = _Current()


@contextlib.contextmanager
def watched(watch: Watch) -> Any:
    """While this is open, requests of this thread go over connections that the watch can cut."""
    _current.watch = watch
    try:
        yield
    finally:
        _current.watch = None


def is_public(address: str) -> bool:
    """Whether an address belongs to the public internet: not private, loopback, link-local, nor for special use."""
    ip = ipaddress.ip_address(address.partition("%")[0])
    mapped = getattr(ip, "ipv4_mapped", None) or getattr(ip, "sixtofour", None)
    if mapped is not None:
        ip = mapped
    return ip.is_global and not ip.is_multicast


def _connect(connection: HTTPConnection, private: bool) -> socket.socket:
    host, timeout = connection.host.strip("[]"), connection.timeout
    try:
        found = socket.getaddrinfo(host, connection.port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError) as failure:
        raise NewConnectionError(connection, "The name could not be resolved.") from failure
    reason: Exception | None = None
    for family, kind, protocol, _, address in found:
        if not private and not is_public(str(address[0])):
            continue
        made = socket.socket(family, kind, protocol)
        try:
            if isinstance(timeout, int | float):
                made.settimeout(timeout)
            made.connect(address)
        except OSError as failure:
            made.close()
            reason = failure
            continue
        made.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return made
    raise NewConnectionError(connection, "No address of that name may be, or could be, reached.") from reason


class _Watched:
    """Registers a connection with the watch of the thread that uses it."""

    def putrequest(self, *arguments: Any, **options: Any) -> None:
        if _current.watch is not None:
            _current.watch.add(self)  # type: ignore[arg-type]
        super().putrequest(*arguments, **options)  # type: ignore[misc]


class _PublicHTTP(_Watched, HTTPConnection):
    def _new_conn(self) -> socket.socket:
        return _connect(self, private=False)


class _PublicHTTPS(_Watched, HTTPSConnection):
    def _new_conn(self) -> socket.socket:
        return _connect(self, private=False)


class _AnyHTTP(_Watched, HTTPConnection):
    def _new_conn(self) -> socket.socket:
        return _connect(self, private=True)


class _AnyHTTPS(_Watched, HTTPSConnection):
    def _new_conn(self) -> socket.socket:
        return _connect(self, private=True)


def _pool(connection: type[HTTPConnection], kind: type[HTTPConnectionPool]) -> type[HTTPConnectionPool]:
    return type(f"{connection.__name__}Pool", (kind,), {"ConnectionCls": connection})


class _Adapter(HTTPAdapter):
    def __init__(self, private: bool) -> None:
        self._private = private
        super().__init__(pool_connections=_POOL, pool_maxsize=_POOL, max_retries=0)

    def init_poolmanager(self, connections: int, maxsize: int, block: bool = False, **options: Any) -> None:
        manager = PoolManager(num_pools=connections, maxsize=maxsize, block=block, **options)
        plain, secure = (_AnyHTTP, _AnyHTTPS) if self._private else (_PublicHTTP, _PublicHTTPS)
        manager.pool_classes_by_scheme = {
            "http": _pool(plain, HTTPConnectionPool),
            "https": _pool(secure, HTTPSConnectionPool),
        }
        self.poolmanager = manager


def make_session(*, private: bool) -> requests.Session:
    """A pooled session without redirects, proxies, cookies or credentials from the environment."""
    session = requests.Session()
    session.trust_env = False
    session.max_redirects = 0
    session.headers.clear()
    adapter = _Adapter(private)
    session.mount("http://", adapter)
    session.mount("https://", adapter)
    return session
