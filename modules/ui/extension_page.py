"""What extensions bring to the page without code of the server: their scripts, style sheets and texts."""

from __future__ import annotations

from collections.abc import Sequence
from urllib.parse import quote

from fastapi import APIRouter, HTTPException, Request
from starlette.responses import Response

from modules.hooks.extension_files import STYLE_FILE, ExtensionFiles
from modules.ui.page_files import ASK_AGAIN, FOR_EVER, file_answer

PLACE = "extension-files"


def extension_page_routes(extensions: Sequence[ExtensionFiles]) -> APIRouter:
    """Where the page finds the files of the extensions at work, as they were when these were taken in."""
    router = APIRouter(include_in_schema=False)
    by_name = {files.extension: files for files in extensions}

    @router.get(f"/{PLACE}/{{extension}}/{{version}}/{{path:path}}")
    async def file_of_extension(extension: str, version: str, path: str, request: Request) -> Response:
        """A script or the style sheet of an extension; other files have another version."""
        files = by_name.get(extension)
        if files is None or path not in files.of_page:
            raise HTTPException(404)
        name = f"{PLACE}/{extension}/{files.version}/{path}"
        caching = FOR_EVER if version == files.version else ASK_AGAIN
        return file_answer(request, name, lambda: files.of_page[path], caching)

    return router


def style_links(extensions: Sequence[ExtensionFiles]) -> str:
    """The style sheets of extensions, for the head of the page."""
    with_style = [files for files in extensions if STYLE_FILE in files.of_page]
    return "".join(f'<link rel="stylesheet" href="{_address(files, STYLE_FILE)}">' for files in with_style)


def script_elements(extensions: Sequence[ExtensionFiles]) -> str:
    """The scripts of extensions, each a module of its own: what one of them names is no name of the page's.

    They run behind the page's own scripts.
    """
    addresses = [_address(files, path) for files in extensions for path in files.scripts]
    return "".join(f'<script type="module" src="{address}"></script>' for address in addresses)


def _address(files: ExtensionFiles, path: str) -> str:
    return f"{PLACE}/{files.extension}/{files.version}/{quote(path)}"
