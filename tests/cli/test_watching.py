"""A command that watches runs again after a change, and ends with the status of its last run."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from cds_service.cli.watching import run_whenever_changed
from cds_service.errors import CdsError


class Author:
    """Changes a file at some of the pauses, and ends the watch when there is nothing left to do."""

    def __init__(self, file: Path, texts: list[str | None]) -> None:
        self.file, self.texts = file, texts

    def __call__(self) -> None:
        if not self.texts:
            raise KeyboardInterrupt
        text = self.texts.pop(0)
        if text is None:
            return
        before = self.file.stat().st_mtime_ns
        self.file.write_text(text, encoding="utf-8")
        os.utime(self.file, ns=(before + 1_000_000, before + 1_000_000))


def test_it_runs_again_after_each_change_and_only_then(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "plans" / "a.cql"
    file.parent.mkdir()
    file.write_text("1", encoding="utf-8")
    (tmp_path / "plans" / ".a.cql.swp").write_text("x", encoding="utf-8")
    seen: list[str] = []

    def run() -> int:
        seen.append(file.read_text(encoding="utf-8"))
        if seen[-1] == "wrong":
            raise CdsError("This does not hold.")
        return len(seen)

    status = run_whenever_changed([tmp_path], run, pause=Author(file, [None, "wrong", None, None, "2", None]))
    assert (seen, status) == (["1", "wrong", "2"], 3)
    assert "This does not hold." in capsys.readouterr().err
