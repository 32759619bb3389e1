"""The page's texts in other languages: a JSON file for each, from the English text (docs/translations.md)."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from fastapi import APIRouter, HTTPException, Request
from starlette.responses import Response

from modules.ui.page_files import ASK_AGAIN, file_answer

LOCALES = Path(__file__).parent / "locales"

Texts = Mapping[str, Mapping[str, str]]
"""Texts from the English ones, by language."""


def language_files() -> dict[str, Path]:
    """The files by the codes of their languages (ISO 639-1)."""
    return {file.stem: file for file in sorted(LOCALES.glob("*.json"))}


def language_routes(of_extensions: Callable[[], Sequence[Texts]] = tuple) -> APIRouter:
    """Where translate.js fetches the texts of a language.

    `of_extensions` tells further texts by language; ours go before them, and the earlier before the later.
    """
    router = APIRouter(include_in_schema=False)
    files = language_files()
    merged: dict[str, tuple[Sequence[Texts], bytes]] = {}

    @router.get("/locales/{language}.json")
    def texts(language: str, request: Request) -> Response:
        """The texts of a language."""
        if language not in files:
            raise HTTPException(404, f"There is no language {language!r}. There are: {', '.join(files)}.")
        brought = of_extensions()
        if language not in merged or merged[language][0] != brought:
            merged[language] = (brought, _merged(files[language], brought))
        content = merged[language][1]
        return file_answer(
            request, f"{language}-{hashlib.sha256(content).hexdigest()}.json", lambda: content, ASK_AGAIN
        )

    return router


def _merged(file: Path, of_extensions: Sequence[Texts]) -> bytes:
    texts: dict[str, str] = {}
    for locales in reversed(of_extensions):
        texts |= locales.get(file.stem, {})
    return json.dumps(texts | json.loads(file.read_bytes()), ensure_ascii=False).encode()
