"""Opens local paths and object-store URLs alike, compressed or not."""

from __future__ import annotations

import bz2
import gzip
import importlib
import lzma
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any, BinaryIO

from cds_service.replay.failures import ReplayError, UnusableInput

_OPENERS: dict[str, Callable[..., Any]] = {".gz": gzip.open, ".bz2": bz2.open, ".xz": lzma.open}
LINES = (".ndjson", ".jsonl")
WHOLE = (".json",)
_AHEAD = 1 << 20  # bytes that are read at a time: more than a line, mostly, which is then copied once
LONGEST = 64 << 20  # bytes of one item; what is longer is reported and skipped


def is_remote(url: str) -> bool:
    """Whether it names something that only fsspec can open."""
    return "://" in url


def compression(url: str) -> str | None:
    """The ending that tells how a file is compressed, or none."""
    return next((ending for ending in _OPENERS if url.endswith(ending)), None)


def plain_name(url: str) -> str:
    """The name without the ending of its compression."""
    ending = compression(url)
    return url.removesuffix(ending) if ending else url


def _fsspec(url: str) -> Any:
    try:
        return importlib.import_module("fsspec")
    except ModuleNotFoundError:
        raise ReplayError(
            f"{url.partition('://')[0]} URLs need fsspec.", remedy="Install cds-service[scale]."
        ) from None


@contextmanager
def open_binary(url: str) -> Iterator[BinaryIO]:
    """The bytes of a file, decompressed, as a buffered stream for a `with` statement."""
    ending = compression(url)
    with ExitStack() as stack:
        try:
            opened: Any = _fsspec(url).open(url, "rb") if is_remote(url) else Path(url).open("rb", _AHEAD)  # noqa: SIM115 - who asked for it closes it
        except OSError as failure:
            raise UnusableInput(f"{url} cannot be read: {failure.strerror or type(failure).__name__}.") from None
        raw = stack.enter_context(opened)
        yield stack.enter_context(_OPENERS[ending](raw)) if ending else raw


def size_of(url: str) -> int:
    """Bytes as they are stored."""
    if is_remote(url):
        system, path = _fsspec(url).core.url_to_fs(url)
        return int(system.size(path))
    return Path(url).stat().st_size


def list_files(url: str) -> Iterator[str]:
    """The files at a path or URL, itself or those below it, sorted by name."""
    if is_remote(url):
        system, path = _fsspec(url).core.url_to_fs(url)
        scheme = url.partition("://")[0]
        found = [path] if system.isfile(path) else sorted(system.find(path))
        yield from (name if "://" in name else f"{scheme}://{name}" for name in found)
        return
    path = Path(url)
    if not path.exists():
        raise UnusableInput(f"{url} does not exist.")
    if path.is_file():
        yield str(path)
    else:
        yield from (str(each) for each in sorted(path.rglob("*")) if each.is_file())
