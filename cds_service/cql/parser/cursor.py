"""Where the parser stands: looking at tokens, taking them, and saying what was expected instead."""

from __future__ import annotations

from difflib import get_close_matches
from typing import NoReturn

from cds_service.cql import nodes
from cds_service.cql.parser.keywords import DECLARATIONS, KEYWORDS, PAIRS
from cds_service.cql.source import Source
from cds_service.cql.syntax_errors import CqlSyntaxError
from cds_service.cql.tokens import END, NAME, STRING, SYMBOL, WORD, Comment, Token, tokenize
from cds_service.errors import Span


class Cursor:
    """A place in the tokens of one text, with the errors found so far.

    `height` is the height of the tallest tree since it was last set to 0, `nesting` how many
    expressions are open: both are kept low, so that no reader of the tree can run out of stack.
    """

    __slots__ = (
        "comments",
        "context",
        "errors",
        "group",
        "height",
        "negated",
        "nesting",
        "position",
        "source",
        "tokens",
    )

    def __init__(self, source: Source) -> None:
        self.source = source
        self.tokens: list[Token]
        self.comments: list[Comment]
        self.errors: list[CqlSyntaxError]
        self.tokens, self.comments, self.errors = tokenize(source)
        self.position = 0
        self.height = 0
        self.nesting = 0
        self.negated = -9  # the position of the last minus sign that was no subtraction
        self.context: str | None = None
        self.group: nodes.Expression | None = None  # the last expression that stood in parentheses

    # --- Looking ---------------------------------------------------------------------------------

    @property
    def token(self) -> Token:
        """The token to be read next."""
        return self.tokens[self.position]

    def ahead(self, distance: int) -> Token:
        """The token `distance` places further, or the end."""
        return self.tokens[min(self.position + distance, len(self.tokens) - 1)]

    def at(self, text: str) -> bool:
        """Whether this word or symbol comes next."""
        token = self.tokens[self.position]
        return token.value == text and (token.kind == WORD or token.kind == SYMBOL)

    def at_words(self, first: str, second: str) -> bool:
        """Whether these two words come next."""
        return self.at(first) and self.ahead(1)[:2] == (WORD, second)

    def at_any(self, texts: tuple[str, ...] | frozenset[str]) -> bool:
        """Whether one of these words or symbols comes next."""
        token = self.tokens[self.position]
        return (token.kind == WORD or token.kind == SYMBOL) and token.value in texts

    def at_plain_name(self) -> bool:
        """Whether a name comes next that is no keyword, or is quoted: the only kind that may be an alias."""
        token = self.tokens[self.position]
        if token.kind == NAME:
            return True
        if token.kind != WORD or token.value in KEYWORDS:
            return False
        partner = PAIRS.get(token.value)
        return partner is None or self.ahead(1)[:2] != (WORD, partner)

    # --- Taking ----------------------------------------------------------------------------------

    def take(self) -> Token:
        """The next token, which is then behind us."""
        token = self.tokens[self.position]
        if token.kind != END:
            self.position += 1
        return token

    def accept(self, text: str) -> bool:
        """Takes this word or symbol if it comes next."""
        if self.at(text):
            self.position += 1
            return True
        return False

    def accept_words(self, first: str, second: str) -> bool:
        """Takes these two words if they come next."""
        if self.at_words(first, second):
            self.position += 2
            return True
        return False

    def expect(self, text: str, place: str) -> Token:
        """Takes this word or symbol; `place` says where it belongs, for the error."""
        if not self.at(text):
            self.fail_expected(f"`{text}` {place}", text)
        return self.take()

    def expect_string(self, place: str) -> str:
        """The value of the quoted text that must come next."""
        if self.token.kind != STRING:
            remedy = "Text stands in single quotes; double quotes are for names." if self.token.kind == NAME else ""
            self.fail_expected(f"a text in single quotes {place}", remedy=remedy)
        return self.take().value

    def expect_defined_name(self, place: str) -> Token:
        """The name of something that is being declared: quoted, or a word that is no keyword."""
        token = self.token
        if token.kind == WORD and token.value in KEYWORDS:
            self.fail(f"`{token.value}` is a keyword, so it cannot be a name {place}.", f'Quote it: "{token.value}".')
        if token.kind not in (NAME, WORD):
            self.fail_expected(f"a name {place}")
        return self.take()

    def expect_name(self, place: str) -> Token:
        """A name that refers to something: quoted, or any word that is not a definition's beginning on a new line."""
        token = self.token
        if token.kind not in (NAME, WORD) or self.at_declaration():
            self.fail_expected(f"a name {place}")
        return self.take()

    def at_declaration(self) -> bool:
        """Whether a keyword that begins a definition comes next, first on its line."""
        token = self.token
        if token.kind != WORD or token.value not in (*DECLARATIONS, "public", "private"):
            return False
        if token.value != "define" and self.ahead(1).kind not in (WORD, NAME):
            return False  # `code: ..` and the like are elements
        if token.value in ("code", "codesystem", "concept", "valueset") and self.ahead(2).value != ":":
            return False  # and `code` at the end of an expression is a name
        line_start = self.source.text.rfind("\n", 0, token.start) + 1
        return not self.source.text[line_start : token.start].strip()

    # --- Saying what is wrong --------------------------------------------------------------------

    def fail(self, what: str, remedy: str = "", token: Token | None = None) -> NoReturn:
        """Raises an error at the next token, or at `token`."""
        token = token or self.token
        self.source.fail(what, token.start, token.end, remedy)

    def fail_expected(self, expected: str, *meant: str, remedy: str = "") -> NoReturn:
        """Raises an error that says what was expected and what stands there; `meant` are words to compare with."""
        token = self.token
        if token.kind == WORD and not remedy:
            close = get_close_matches(token.value, [word for word in meant if word.isalpha()], n=1, cutoff=0.6)
            remedy = f"Did you mean `{close[0]}`?" if close and close[0] != token.value else ""
        start, end = token.start, token.end
        if token.kind == END and self.position:
            start = self.tokens[self.position - 1].end - 1
            end = start + 1
        self.source.fail(f"Expected {expected}, found {describe(token)}.", start, end, remedy)

    def fail_misplaced(self, remedy: str) -> NoReturn:
        """Raises an error for a token that cannot follow; a misspelt keyword here or just before explains it."""
        token = self.token
        for suspect in (token, self.ahead(-1)):
            if suspect.kind == WORD and suspect.value not in KEYWORDS and len(suspect.value) > 2:
                close = get_close_matches(suspect.value, KEYWORDS, n=1, cutoff=0.75)
                if close:
                    self.fail(f"`{suspect.value}` cannot stand here.", f"Did you mean `{close[0]}`?", suspect)
        self.fail(f"{describe(token)} cannot follow here.".replace("the ", "The ", 1), remedy)

    # --- Places ----------------------------------------------------------------------------------

    def span_from(self, start: int) -> Span:
        """The place from offset `start` to the end of the last token taken."""
        return self.source.span(start, self.tokens[self.position - 1].end)

    def span_of(self, token: Token) -> Span:
        """The place of one token."""
        return self.source.span(token.start, token.end)


def describe(token: Token) -> str:
    """A token in the words of an error."""
    if token.kind == END:
        return "the end of the text"
    if token.kind == STRING:
        return f"the text '{_short(token.value)}'"
    if token.kind == NAME:
        return f'the name "{_short(token.value)}"'
    return f"`{token.value}`"


def _short(text: str) -> str:
    return text if len(text) <= 40 else text[:37] + "..."
