"""The page's texts in other languages: a JSON file for each, from the English text (docs/translations.md)."""

from __future__ import annotations

from pathlib import Path

from fastapi import APIRouter, HTTPException
from fastapi.responses import FileResponse

LOCALES = Path(__file__).parent / "locales"


def language_files() -> dict[str, Path]:
    """The files by the codes of their languages (ISO 639-1)."""
    return {file.stem: file for file in sorted(LOCALES.glob("*.json"))}


def language_routes() -> APIRouter:
    """Where translate.js fetches the texts of a language."""
    router = APIRouter(include_in_schema=False)
    files = language_files()

    @router.get("/locales/{language}.json")
    def texts(language: str) -> FileResponse:
        """The texts of a language."""
        if language not in files:
            raise HTTPException(404, f"There is no language {language!r}. There are: {', '.join(files)}.")
        return FileResponse(files[language], media_type="application/json")

    return router
