"""What extensions bring to the page without code of the server: their scripts and style sheets.

Some come and go while the server runs, so the page is told of those that are at work when it is opened.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from urllib.parse import quote

from fastapi import APIRouter, HTTPException, Request
from starlette.responses import Response

from modules.hooks.extension_files import STYLE_FILE, ExtensionFiles
from modules.ui.page_files import ASK_AGAIN, FOR_EVER, file_answer

PLACE = "extension-files"
STYLE_LINK = '<link rel="stylesheet" href="extension-styles.css">'
"""For the head of the page: the style sheets of all extensions."""

AtWork = Callable[[], Sequence[ExtensionFiles]]
"""What the extensions at work bring, whenever somebody asks."""


def extension_page_routes(at_work: AtWork) -> APIRouter:
    """Where the page finds the files of the extensions at work, as they were when these were taken in."""
    router = APIRouter(include_in_schema=False)

    @router.get("/extension-styles.css")
    def styles_of_extensions(request: Request) -> Response:
        """The style sheets of the extensions, by their addresses."""
        with_style = [files for files in at_work() if STYLE_FILE in files.of_page]
        content = "".join(f'@import url("{_address(files, STYLE_FILE)}");\n' for files in with_style).encode()
        name = f"extension-styles-{hashlib.sha256(content).hexdigest()}.css"
        return file_answer(request, name, lambda: content, ASK_AGAIN)

    @router.get(f"/{PLACE}/{{extension}}/{{version}}/{{path:path}}")
    def file_of_extension(extension: str, version: str, path: str, request: Request) -> Response:
        """A script or the style sheet of an extension; other files have another version."""
        files = next((one for one in at_work() if one.extension == extension), None)
        if files is None or path not in files.of_page:
            raise HTTPException(404)
        name = f"{PLACE}/{extension}/{files.version}/{path}"
        caching = FOR_EVER if version == files.version else ASK_AGAIN
        return file_answer(request, name, lambda: files.of_page[path], caching)

    return router


def script_elements(extensions: Sequence[ExtensionFiles]) -> str:
    """The scripts of extensions, each a module of its own: what one of them names is no name of the page's.

    They run behind the page's own scripts.
    """
    addresses = [_address(files, path) for files in extensions for path in files.scripts]
    return "".join(f'<script type="module" src="{address}"></script>' for address in addresses)


def _address(files: ExtensionFiles, path: str) -> str:
    return f"{PLACE}/{files.extension}/{files.version}/{quote(path)}"
