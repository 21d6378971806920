"""What the libraries define is read somewhere: by another definition, a plan, a card, or as a fact."""

from __future__ import annotations

import re
from pathlib import Path

CONTENT = Path(__file__).parents[2] / "plandefinitions"
_DECLARED = re.compile(r'^(define(?: function)?|valueset|code|codesystem|parameter) "([^"]+)"', re.MULTILINE)
_OWN = {"valueset", "code", "codesystem"}  # read within their library


def test_every_name_is_read() -> None:
    """Names that nothing reads mislead those who review the medicine."""
    texts = {
        file: file.read_text(encoding="utf-8")
        for file in CONTENT.rglob("*")
        if file.suffix in {".cql", ".yaml"} and not {"cases", "synthetic"} & set(file.parts)
    }
    together = "\n".join(texts.values())
    unread = []
    for file, text in texts.items():
        if file.suffix != ".cql" or "quality" in file.parts:
            continue
        for found in _DECLARED.finditer(text):
            kind, name = found.groups()
            comment = text[: found.start()].rsplit("\n\n", 1)[-1]
            uses = (text if kind in _OWN else together).count(f'"{name}"')
            uses += len(re.findall(rf"[ .\[,(]{re.escape(name)}[\]}},\"\n]", together)) if kind not in _OWN else 0
            if uses < 2 and "@fact" not in comment:
                unread.append((file.name, kind, name))
    assert unread == []
