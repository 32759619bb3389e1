"""The documentation as pages: all of it is there, its links lead on, and nothing else can be had through it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urljoin, urlsplit

import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient

from modules.api.guide_pages import FIRST, Guide, guide_routes
from modules.config.paths import ROOT


class Targets(HTMLParser):
    """What a page links to and shows, and the names that it gives its headings."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.found: list[str] = []
        self.names: set[str] = set()
        self.tags: set[str] = set()
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        self.tags.add(tag)
        self.found += [value for name in ("href", "src") if (value := given.get(name))]
        self.names |= {value for value in (given.get("id"),) if value}


@pytest.fixture(scope="module")
def client() -> Iterator[TestClient]:
    application = FastAPI(openapi_url=None, docs_url=None, redoc_url=None)
    application.include_router(guide_routes())
    with TestClient(application) as opened:
        yield opened


def read(client: TestClient, address: str) -> Targets:
    answer = client.get(address)
    assert answer.status_code == 200 and answer.headers["content-type"].startswith("text/html"), address
    return Targets(answer.text)


PAGES = sorted(path for path in Guide(ROOT).files if path.endswith(".md"))


@pytest.mark.parametrize("path", PAGES)
def test_every_page_is_there_and_all_of_its_links_lead_on(client: TestClient, path: str) -> None:
    address = f"/guide/{path}?theme=dark"
    page = read(client, address)
    assert "script" not in page.tags and "&lt;img" not in client.get(address).text
    for target in page.found:
        whole = urljoin(f"http://testserver{address}", target)
        parts = urlsplit(whole)
        if parts.netloc != "testserver" or parts.path == "/":
            continue
        answer = client.get(unquote(parts.path) + (f"?{parts.query}" if parts.query else ""))
        assert answer.status_code == 200, target
        if parts.path.endswith(".md"):
            assert parts.query == "theme=dark", target
            assert not parts.fragment or parts.fragment in Targets(answer.text).names, target


@pytest.mark.parametrize("tab", ["txt2img", "img2img", "extras", "gallery", "queue", "png-info", "models", "merge"])
def test_a_tab_has_its_page(client: TestClient, tab: str) -> None:
    answer = client.get("/guide", params={"tab": tab, "theme": "light"})
    assert answer.url.path == f"/guide/docs/guide/{tab.replace('-', '_')}.md"
    assert 'data-theme="light"' in answer.text and 'aria-current="page"' in answer.text


@pytest.mark.parametrize("tab", ["", "extension-0", "../../../etc/passwd", "txt2img.md?x=", "\0", "README"])
def test_what_has_no_page_leads_to_the_first_one(client: TestClient, tab: str) -> None:
    assert client.get("/guide", params={"tab": tab}).url.path in (f"/guide/{FIRST}", "/guide/docs/guide/README.md")


@pytest.mark.parametrize(
    "path",
    ["webui.py", "docs/../webui.py", "docs/%2e%2e/webui.py", "..%2f..%2fetc%2fpasswd", "docs", "", "requirements.txt"],
)
def test_nothing_else_can_be_had(client: TestClient, path: str) -> None:
    assert client.get(f"/guide/{path}").status_code == 404


def test_the_page_loads_nothing_that_the_policy_forbids(client: TestClient) -> None:
    policy = client.get(f"/guide/{FIRST}").headers["content-security-policy"]
    assert "default-src 'none'" in policy and "style-src 'sha256-" in policy and "script-src" not in policy


def test_text_is_text(tmp_path: Path) -> None:
    (tmp_path / "docs" / "guide").mkdir(parents=True)
    (tmp_path / FIRST).write_text(
        "# A <b>title</b>\n\n<script>x()</script>\n\n[a](javascript:x()) [out](../../secret.txt)\n"
    )
    (tmp_path / "secret.txt").write_text("")
    page = Guide(tmp_path).page(FIRST, "")
    assert "<script" not in page and "<b>" not in page and "javascript:x()" not in re.findall(r'href="([^"]*)"', page)
    assert "<title>A &lt;b&gt;title&lt;/b&gt;" in page and "secret.txt" not in page
