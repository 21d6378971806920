"""The comment above a definition: its text, and the tags in it."""

from __future__ import annotations

import re
from bisect import bisect_left

from cds_service.cql import nodes
from cds_service.cql.source import Source
from cds_service.cql.tokens import Comment

_TAG = re.compile(r"@([A-Za-z_][\w-]*)[ \t]*:?[ \t]*(.*)")
_DECORATION = re.compile(r"^[ \t]*\*+(?!\S*\*)[ \t]?")


def read_documentation(source: Source, comments: list[Comment], after: int, before: int) -> nodes.Documentation | None:
    """What the comments say that stand right above offset `before`, and not on the line of offset `after`.

    A line that begins with `@name` is a tag, its value the rest of the line; the rest is the text.
    """
    own = _directly_above(source, comments, after, before)
    if not own:
        return None
    text: list[str] = []
    tags: list[nodes.Tag] = []
    for comment in own:
        offset = comment.start + 2
        for line in comment.text.split("\n"):
            content = _DECORATION.sub("", line.rstrip("\r")).strip()
            match = _TAG.fullmatch(content)
            if match:
                start = offset + line.index("@")
                span = source.span(start, start + len(content))
                tags.append(nodes.Tag(match.group(1), _unquote(match.group(2).strip()), span=span))
            else:
                text.append(content)
            offset += len(line) + 1
    span = source.span(own[0].start, own[-1].end)
    return nodes.Documentation("\n".join(text).strip(), tuple(tags), span=span)


def _directly_above(source: Source, comments: list[Comment], after: int, before: int) -> list[Comment]:
    own: list[Comment] = []
    next_line = source.line_of(before)
    previous_line = source.line_of(after) if after else 0
    for index in range(bisect_left(comments, before, key=lambda comment: comment.start) - 1, -1, -1):
        comment = comments[index]
        ends_on = source.line_of(max(comment.end - 1, 0))
        starts_on = source.line_of(comment.start)
        if comment.start < after or starts_on == previous_line or next_line - ends_on > 1:
            break
        own.insert(0, comment)
        next_line = starts_on
    return own


def _unquote(value: str) -> str:
    if len(value) >= 2 and value[0] == value[-1] and value[0] in "'\"":
        return value[1:-1]
    return value
