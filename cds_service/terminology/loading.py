"""Reads terminology from all its sources at start; everything that is wrong is told at once."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from cds_service.errors import CdsError, ErrorGroup
from cds_service.terminology.artifacts import Artifact
from cds_service.terminology.sources import CANONICAL_BASE, make_artifact, read_hierarchies, read_path
from cds_service.terminology.terminology import Fetch, Terminology


def load_terminology(
    content: Sequence[Path],
    *,
    site: Sequence[Path] = (),
    inline: Iterable[Mapping[str, Any]] = (),
    base: str = CANONICAL_BASE.decode(),
    fetch: Fetch | None = None,
) -> Terminology:
    """The terminology of `content` (ours), then `site` (folders, packages, release files), then `inline` resources.

    Of two artifacts with the same URL and version the later one counts. `base` takes the place of our canonical base.
    `fetch` is asked for value sets that nobody brought, while content loads.
    """
    errors: list[CdsError] = []
    artifacts: list[Artifact] = []
    new_base = base.rstrip("/").encode()
    for path in content:
        artifacts.extend(read_path(path, base=new_base, site=None, errors=errors))
    for path in site:
        artifacts.extend(read_path(path, base=new_base, site=True, errors=errors))
    for resource in inline:
        try:
            artifacts.append(make_artifact(resource, "given inline"))
        except CdsError as failure:
            errors.append(failure)
    if errors:
        raise ErrorGroup(tuple(errors))
    return Terminology(
        artifacts,
        hierarchies=read_hierarchies([*content, *site]),
        fetch=fetch,
        make_artifact=lambda resource, origin: make_artifact(resource, origin),
    )
