"""The files of content folders: what a run depends on, and what another machine needs to do it."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Iterator, Sequence
from hashlib import sha256
from pathlib import Path

_PARTS = ("plandefinitions", "terminology")


def content_files(folders: Sequence[Path]) -> Iterator[tuple[str, Path]]:
    """Every file of some content folders, under a name that tells the folder; hidden ones are none."""
    for number, folder in enumerate(folders):
        parts = [folder / name for name in _PARTS if (folder / name).is_dir()] or [folder]
        for part in parts:
            for path in sorted(part.rglob("*")):
                inside = path.relative_to(folder)
                if path.is_file() and not any(step.startswith((".", "__pycache__")) for step in inside.parts):
                    yield f"{number:03d}/{inside.as_posix()}", path


def digest(folders: Sequence[Path]) -> str:
    """The same for the same content, and for no other."""
    found = sha256()
    for name, path in content_files(folders):
        found.update(f"{name}\n{path.stat().st_size}\n".encode())
        found.update(path.read_bytes())
    return found.hexdigest()


def pack(folders: Sequence[Path]) -> bytes:
    """The content folders as one archive, the same bytes for the same files."""
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, path in content_files(folders):
            archive.writestr(zipfile.ZipInfo(name), path.read_bytes(), zipfile.ZIP_DEFLATED)
    return stream.getvalue()


def unpack(archive: bytes, target: Path) -> list[Path]:
    """The content folders of an archive, below `target`."""
    with zipfile.ZipFile(io.BytesIO(archive)) as packed:
        packed.extractall(target)
    return sorted(each for each in target.iterdir() if each.is_dir())
