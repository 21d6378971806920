"""The Markdown of a card as safe HTML: no raw HTML passes, links open outside and carry nothing along."""

from __future__ import annotations

from functools import cache

from markdown_it import MarkdownIt
from markupsafe import Markup


@cache
def _renderer() -> MarkdownIt:
    renderer = MarkdownIt("commonmark", {"html": False, "linkify": False}).enable("table").disable("image")
    renderer.add_render_rule("link_open", _link_open)
    return renderer


def _link_open(self, tokens, index, options, env):  # type: ignore[no-untyped-def]  # the signature is markdown-it's
    token = tokens[index]
    if "://" in token.attrGet("href"):
        token.attrSet("rel", "noopener noreferrer")
        token.attrSet("target", "_blank")
    return self.renderToken(tokens, index, options, env)


def render_markdown(text: str) -> Markup:
    """`text` as HTML that can stand on a page of ours."""
    return Markup(_renderer().render(text))  # noqa: S704 - the renderer escapes all HTML of its input
