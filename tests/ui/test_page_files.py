"""The document of the page and its files: made and compressed once, given to whom they belong."""

from __future__ import annotations

import re
from types import SimpleNamespace
from typing import TYPE_CHECKING
from urllib.parse import quote

import pytest
from fastapi import FastAPI
from starlette.requests import Request
from starlette.testclient import TestClient

from modules.ui.assets import asset, page_script
from modules.ui.gradio_files import FOLDER, tree_file
from modules.ui.page_document import PageDocuments
from modules.ui.page_files import page_file_routes, script_address

if TYPE_CHECKING:
    from playwright.sync_api import Page

FOR_EVER = "public, max-age=31536000, immutable"


@pytest.fixture(scope="module")
def client() -> TestClient:
    application = FastAPI()
    application.include_router(page_file_routes())
    return TestClient(application)


def asked(host: str = "127.0.0.1:7860", query: str = "", **headers: str) -> Request:
    """For the page, at one of the server's names."""
    named = [(name.replace("_", "-").encode(), value.encode()) for name, value in {"host": host, **headers}.items()]
    scope = {"type": "http", "method": "GET", "path": "/", "scheme": "http", "server": ("127.0.0.1", 7860)}
    return Request({**scope, "query_string": query.encode(), "headers": named, "root_path": ""})


def test_this_gradio_has_all_that_is_made_quicker() -> None:
    """Another version might call it otherwise; then the page is slow again."""
    tree = tree_file()
    assert tree is not None
    text = (FOLDER / tree).read_text(encoding="utf-8")
    replaced = re.findall(r"^  (?:async )?(\w+)\(.*\{$", asset("page_tree.js"), re.MULTILINE)
    assert len(replaced) == 6
    assert [name for name in replaced if f"{name}(" not in text] == []
    assert "get root(){" in text


def test_files_come_compressed_and_are_kept_for_ever(client: TestClient) -> None:
    name = tree_file() or ""
    plain = client.get(f"/assets/{name}", headers={"Accept-Encoding": "identity"})
    packed = client.get(f"/assets/{name}", headers={"Accept-Encoding": "gzip"})
    assert plain.content == packed.content == (FOLDER / name).read_bytes()
    assert int(packed.headers["Content-Length"]) < len(plain.content) / 2
    assert "Content-Encoding" not in plain.headers and packed.headers["Content-Encoding"] == "gzip"
    for answer in (plain, packed):
        assert answer.headers["Cache-Control"] == FOR_EVER and "Accept-Encoding" in answer.headers["Vary"]
        assert answer.headers["Content-Type"].startswith("text/javascript")


@pytest.mark.parametrize("name", ["../index.html", "..", "../../../routes.py", "/etc/hostname", "none.js", "", "%00"])
def test_there_is_no_way_out_of_the_folder(client: TestClient, name: str) -> None:
    for spelled in (name, quote(name, safe="")):
        assert client.get(f"/assets/{spelled}").status_code == 404


def test_a_script_of_ours_is_kept_for_ever_at_the_address_of_its_content_alone(client: TestClient) -> None:
    now = client.get(f"/{script_address('page.js')}")
    assert now.text == page_script() and now.headers["Cache-Control"] == FOR_EVER
    for other in ("/page.js", "/page.js?v=", "/page.js?v=0123456789abcdef", f"/{script_address('page_tree.js')[:-1]}"):
        assert client.get(other).headers["Cache-Control"] == "no-cache"
    assert f"./assets/{tree_file()}" in client.get("/page_tree.js").text


class Maker:
    """Makes documents as gradio does, and counts them."""

    def __init__(self) -> None:
        self.made: list[str] = []

    def __call__(self, request: Request, name: str, page: str, deep_link: str) -> SimpleNamespace:
        self.made.append(name)
        text = f"<head><script>window.gradio_config = {{{name} at {request.headers['host']}}}</script>"
        return SimpleNamespace(body=text.encode())


def test_a_document_is_made_once_for_each_name_and_address() -> None:
    maker = Maker()
    documents = PageDocuments(maker)
    first = documents.of(asked(), "anna", "<script src=ours></script>")
    assert first.startswith(b"<head><script src=ours></script><script>window.gradio_config = {anna at 127.0.0.1:7860}")
    assert documents.of(asked(query="__theme=dark"), "anna", "<i>").startswith(b"<head><i><script>window.gradio_config")
    assert b"{ben at" in documents.of(asked(), "ben", "")
    assert b"at other:7860}" in documents.of(asked("other:7860"), "anna", "")
    assert b"{anna at" in documents.of(asked(x_forwarded_proto="https"), "anna", "")
    assert maker.made == ["anna", "ben", "anna", "anna"]


def test_only_the_latest_documents_are_kept() -> None:
    maker = Maker()
    documents = PageDocuments(maker)
    for number in range(40):
        documents.of(asked(), f"user {number}", "")
    assert len(maker.made) == 40
    documents.of(asked(), "user 39", "")
    documents.of(asked(), "user 0", "")
    assert maker.made[40:] == ["user 0"]


@pytest.mark.browser
def test_the_page_finds_its_components_quickly(page: Page) -> None:
    assert page.evaluate("document.documentElement.dataset.tree") == "quick"
