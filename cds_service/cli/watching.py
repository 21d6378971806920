"""Files watched: a command runs again whenever one of them has changed, until it is interrupted."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

from cds_service.errors import CdsError, ErrorGroup

_EVERY_SECONDS = 0.3


def run_whenever_changed(
    paths: Iterable[Path], run: Callable[[], int], *, pause: Callable[[], None] = lambda: time.sleep(_EVERY_SECONDS)
) -> int:
    """Run now and after every change below `paths`; once interrupted, the status of the last run."""
    watched = list(paths)
    status = 0
    try:
        while True:
            before = _stamps(watched)
            status = _run(run)
            print("Watching; Ctrl-C ends it.", file=sys.stderr, flush=True)
            while _stamps(watched) == before:
                pause()
            while (seen := _stamps(watched)) != before:  # an editor or a checkout may write several files
                before = seen
                pause()
    except KeyboardInterrupt:
        return status


def _run(run: Callable[[], int]) -> int:
    """What a run comes to; what stops it is told, and the next change may put it right."""
    try:
        return run()
    except ErrorGroup as group:
        _tell(group.errors)
    except CdsError as error:
        _tell((error,))
    return 1


def _tell(errors: Iterable[CdsError]) -> None:
    for each in errors:
        print(each, file=sys.stderr)


def _stamps(paths: Iterable[Path]) -> dict[Path, tuple[int, int]]:
    """When each file was written last, and its size; hidden files are the editor's own business."""
    found: dict[Path, tuple[int, int]] = {}
    for file in _files(paths):
        try:
            about = file.stat()
        except OSError:
            continue  # gone since it was listed
        found[file] = (about.st_mtime_ns, about.st_size)
    return found


def _files(paths: Iterable[Path]) -> Iterator[Path]:
    for path in paths:
        if path.is_dir():
            yield from (file for file in path.rglob("*") if not file.name.startswith(".") and file.is_file())
        else:
            yield path
