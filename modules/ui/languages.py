"""The page's texts in other languages: a JSON file for each, from the English text (docs/translations.md)."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from pathlib import Path

from fastapi import APIRouter, HTTPException, Request
from starlette.responses import Response

from modules.ui.page_files import ASK_AGAIN, file_answer

LOCALES = Path(__file__).parent / "locales"


def language_files() -> dict[str, Path]:
    """The files by the codes of their languages (ISO 639-1)."""
    return {file.stem: file for file in sorted(LOCALES.glob("*.json"))}


def language_routes(of_extensions: Sequence[Mapping[str, Mapping[str, str]]] = ()) -> APIRouter:
    """Where translate.js fetches the texts of a language.

    `of_extensions` are further texts by language; ours go before them, and the earlier before the later.
    """
    router = APIRouter(include_in_schema=False)
    files = language_files()
    merged = {language: _merged(file, of_extensions) for language, file in files.items()}

    @router.get("/locales/{language}.json")
    async def texts(language: str, request: Request) -> Response:
        """The texts of a language."""
        if language not in files:
            raise HTTPException(404, f"There is no language {language!r}. There are: {', '.join(files)}.")
        content = merged[language]
        return file_answer(
            request, f"{language}-{hashlib.sha256(content).hexdigest()}.json", lambda: content, ASK_AGAIN
        )

    return router


def _merged(file: Path, of_extensions: Sequence[Mapping[str, Mapping[str, str]]]) -> bytes:
    texts: dict[str, str] = {}
    for locales in reversed(of_extensions):
        texts |= locales.get(file.stem, {})
    return json.dumps(texts | json.loads(file.read_bytes()), ensure_ascii=False).encode()
