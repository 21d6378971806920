"""Opens local paths and object-store URLs alike, compressed or not."""

from __future__ import annotations

import bz2
import gzip
import importlib
import lzma
import zlib
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any, BinaryIO, cast

from cds_service.replay.failures import DamagedFile, ReplayError, UnusableInput

_OPENERS: dict[str, Callable[..., Any]] = {".gz": gzip.open, ".bz2": bz2.open, ".xz": lzma.open}
LINES = (".ndjson", ".jsonl")
WHOLE = (".json",)
_AHEAD = 1 << 20  # bytes that are read at a time: more than a line, mostly, which is then copied once
LONGEST = 64 << 20  # bytes of one item; what is longer is reported and skipped
MARK = b"\xef\xbb\xbf"  # some write it before UTF-8 text


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


def _system(url: str) -> tuple[Any, Any]:
    """The file system of a URL, and the path there."""
    try:
        system, path = _fsspec(url).core.url_to_fs(url)
    except (ImportError, ValueError) as failure:
        raise UnusableInput(f"{url} cannot be opened: {failure}.") from None
    return system, path


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
        if not ending:
            yield raw
            return
        try:
            yield stack.enter_context(_OPENERS[ending](raw))
        except (EOFError, OSError, zlib.error, lzma.LZMAError) as failure:
            if isinstance(failure, OSError) and failure.errno is not None:
                raise  # the disk or the network, not what it brought
            raise DamagedFile(f"{url} cannot be decompressed: it is damaged or incomplete.") from None


def stamp_of(url: str) -> str:
    """What tells one state of a file from another, without reading it."""
    if is_remote(url):
        system, path = _system(url)
        return str(system.ukey(path))
    about = Path(url).stat()
    return f"{about.st_size} {about.st_mtime_ns}"


def open_for_writing(path: Path) -> BinaryIO:
    """A new file, compressed if its name says so; its folder is made."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        ending = compression(path.name)
        if ending == ".gz":
            return cast(BinaryIO, _gzip(path))
        return cast(BinaryIO, _OPENERS[ending](path, "wb") if ending else path.open("wb"))
    except OSError as failure:
        raise UnusableInput(f"{path} cannot be written: {failure.strerror or type(failure).__name__}.") from None


def _gzip(path: Path) -> Any:
    """Compressed without name and time, so that the same content makes the same bytes."""
    raw = path.open("wb")
    stream = gzip.GzipFile("", "wb", 6, raw, 0)
    stream.myfileobj = cast(Any, raw)  # what it closes with itself
    return stream


def size_of(url: str) -> int:
    """Bytes as they are stored."""
    if is_remote(url):
        system, path = _system(url)
        return int(system.size(path))
    return Path(url).stat().st_size


def list_files(url: str) -> Iterator[str]:
    """The files at a path or URL, itself or those below it, sorted by name."""
    if is_remote(url):
        system, path = _system(url)
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
