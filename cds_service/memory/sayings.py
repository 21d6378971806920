"""What was said lately, so that one chain of hooks does not say the same twice."""

from __future__ import annotations

import threading
from collections import OrderedDict

_MOST = 5_000  # chains that are kept


class Sayings:
    """Keys of advice by chain: calls that share a hookInstance and a patient. Kept in this process, for a while."""

    def __init__(self, most: int = _MOST) -> None:
        self._most = most
        self._chains: OrderedDict[tuple[str, ...], dict[str, frozenset[str]]] = OrderedDict()
        self._lock = threading.Lock()

    def by_others(self, chain: tuple[str, ...], service: str) -> frozenset[str]:
        """The keys that other services of the chain have said; a repeated call is answered as before."""
        with self._lock:
            said = self._chains.get(chain)
            if not said:
                return frozenset()
            return frozenset().union(*(keys for name, keys in said.items() if name != service))

    def note(self, chain: tuple[str, ...], service: str, keys: frozenset[str]) -> None:
        """Remember what a service has said."""
        if not keys:
            return
        with self._lock:
            self._chains.setdefault(chain, {})[service] = keys
            self._chains.move_to_end(chain)
            while len(self._chains) > self._most:
                self._chains.popitem(last=False)
