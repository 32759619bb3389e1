"""The documentation as pages beside the program: docs/ and the README, for whoever has no other window on them."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from html import escape
from itertools import chain
from pathlib import Path, PurePosixPath
from typing import Literal
from urllib.parse import quote, urlsplit

from fastapi import APIRouter, HTTPException
from fastapi.responses import HTMLResponse, RedirectResponse, Response
from markdown_it import MarkdownIt
from markdown_it.token import Token

from modules.api.content_policy import text_hash
from modules.config.paths import ROOT

FIRST = "docs/guide/README.md"
_TABS = "docs/guide/{name}.md"
_SHOWN = ("README.md", "docs/**/*.md", "docs/images/*")
_STYLE = Path(__file__).with_name("guide.css").read_text("utf-8")
_HEADERS = {
    "Content-Security-Policy": (
        f"default-src 'none'; style-src '{text_hash(_STYLE)}'; img-src 'self'; base-uri 'none'; form-action 'none'; "
        "frame-ancestors 'none'"
    ),
    "Cache-Control": "no-cache",
}
_PAGE = """<!doctype html>
<html lang="en" data-theme="{theme}">
<head>
<meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
<title>{title} – Atelier</title>
<style>{style}</style>
</head>
<body>
<header><a href="{home}">Atelier</a><a href="{first}">Guide</a></header>
<nav aria-label="Pages of the guide"><ul>{pages}</ul></nav>
<main>
{content}
</main>
</body>
</html>
"""

_IMAGE = re.compile(r'<img src="([^"<>:]+)" alt="([^"<>]*)" width="(\d+)">')

Theme = Literal["light", "dark", ""]
"""Empty: what the browser asks for."""


def guide_routes() -> APIRouter:
    """The page of the guide about a tab, and every page and picture of the documentation."""
    router = APIRouter(include_in_schema=False)
    guide = Guide(ROOT)

    @router.get("/guide")
    def beginning(tab: str = "", theme: Theme = "") -> Response:
        """The page about a tab, by the tab's name; the first one where there is none."""
        page = _TABS.format(name=tab.replace("-", "_"))
        return RedirectResponse(f"guide/{page if page in guide.files else FIRST}{_query(theme)}")

    @router.get("/guide/{path:path}")
    def page_of_guide(path: str, theme: Theme = "") -> Response:
        """A page or a picture."""
        file = guide.files.get(path)
        if file is None:
            raise HTTPException(404, "The guide has no such page.")
        if file.suffix != ".md":
            return Response(file.read_bytes(), media_type=f"image/{file.suffix[1:]}")
        return HTMLResponse(guide.page(path, theme), headers=_HEADERS)

    return router


class Guide:
    """The pages below one folder, with links that lead from one to another."""

    def __init__(self, root: Path) -> None:
        found = sorted(file for pattern in _SHOWN for file in root.glob(pattern))
        self.files: Mapping[str, Path] = {file.relative_to(root).as_posix(): file for file in found}
        self._markdown = MarkdownIt("commonmark").enable("table")
        for kind in ("html_block", "html_inline"):
            self._markdown.add_render_rule(kind, _shown_html)

    def page(self, path: str, theme: Theme) -> str:
        """A page as HTML."""
        tokens = self._markdown.parse(self.files[path].read_text("utf-8"))
        self._adapt(tokens, path, theme)
        return _PAGE.format(
            theme=theme,
            title=escape(_title(tokens)),
            style=_STYLE,
            home="../" * path.count("/") + "../",
            first=self._address(path, FIRST, theme),
            pages="".join(self._pages(path, theme)),
            content=self._markdown.renderer.render(tokens, self._markdown.options, {}),
        )

    def _pages(self, path: str, theme: Theme) -> Iterator[str]:
        """The list of the guide's pages, in the order in which its first one names them."""
        first = self._markdown.parse(self.files[FIRST].read_text("utf-8"))
        for token, text in _links(first):
            wanted = _resolved(FIRST, str(token.attrs["href"]))
            if wanted is None or wanted[0] not in self.files or PurePosixPath(wanted[0]).parent.name != "guide":
                continue
            here = ' aria-current="page"' if wanted[0] == path else ""
            yield f'<li><a href="{self._address(path, wanted[0], theme)}"{here}>{escape(text)}</a></li>'

    def _adapt(self, tokens: Sequence[Token], path: str, theme: Theme) -> None:
        """Give headings the names that links know them by, and lead links to pages that are here."""
        for heading, words in zip(tokens, tokens[1:], strict=False):
            if heading.type == "heading_open":
                heading.attrSet("id", re.sub(r"[^\w\- ]", "", _text(words).lower()).replace(" ", "-"))
        for token, _ in _links(tokens):
            wanted = _resolved(path, str(token.attrs["href"]))
            if wanted is not None and wanted[0] in self.files:
                token.attrSet("href", self._address(path, wanted[0], theme) + (f"#{wanted[1]}" if wanted[1] else ""))
            elif wanted is not None:
                token.attrs.pop("href")  # a file of the program, which is not shown
            else:
                token.attrSet("rel", "noreferrer")

    def _address(self, path: str, wanted: str, theme: Theme) -> str:
        return "../" * path.count("/") + quote(wanted) + _query(theme)


def _shown_html(renderer: object, tokens: Sequence[Token], place: int, options: object, env: object) -> str:
    """Pictures of a certain width, which Markdown has no sign for; all other HTML is text."""
    parts = _IMAGE.split(tokens[place].content)
    pictures = zip(*(parts[number::4] for number in (1, 2, 3)), strict=True)
    shown = [f'<img src="{escape(source)}" alt="{escape(words)}" width="{width}">' for source, words, width in pictures]
    return "".join(chain.from_iterable(zip(map(escape, parts[::4]), [*shown, ""], strict=True)))


def _links(tokens: Sequence[Token]) -> Iterator[tuple[Token, str]]:
    """Every link and its text."""
    for token in tokens:
        children = token.children or []
        for child, words in zip(children, children[1:], strict=False):
            if child.type == "link_open":
                yield child, words.content


def _resolved(path: str, target: str) -> tuple[str, str] | None:
    """The file and the heading that a page links to; None for another host."""
    parts = urlsplit(target)
    if parts.scheme or parts.netloc:
        return None
    place = list(PurePosixPath(path).parts[:-1]) if parts.path else list(PurePosixPath(path).parts)
    for step in PurePosixPath(parts.path).parts:
        if step == "..":
            place = place[:-1]
        elif step != ".":
            place.append(step)
    return "/".join(place), parts.fragment


def _title(tokens: Sequence[Token]) -> str:
    return next((_text(words) for words in tokens if words.type == "inline"), "Guide")


def _text(words: Token) -> str:
    return "".join(child.content for child in words.children or [])


def _query(theme: Theme) -> str:
    return f"?theme={theme}" if theme else ""
