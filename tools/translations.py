"""The English texts of the page, and which of them the languages lack or hold for nothing (docs/translations.md).

python -m tools.translations [--language de]
"""

from __future__ import annotations

import argparse
import ast
import asyncio
import json
import re
import tempfile
from collections.abc import Iterable, Iterator
from dataclasses import fields
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import gradio as gr

from modules.config.paths import resolve_paths
from modules.config.settings_table import Settings
from modules.schema.refusals import LABELS
from modules.services.build import Services, running_services
from modules.services.download_list import DOWNLOAD_LIST
from modules.services.options import EngineOptions
from modules.ui.application import build_page
from modules.ui.languages import language_files
from tools.script_texts import script_texts
from tools.server_texts import server_texts

MODULES = Path(__file__).parent.parent / "modules"
ASSETS = MODULES / "ui" / "assets"
ATTRIBUTES = ("title", "placeholder", "aria-label", "alt")
TOLD_BY_THE_SERVER = ("services/engine.py", "services/job_running.py", "services/reporting.py", "pipeline", "builtin")
"""Where stages of a job are named."""
NOT_OF_THE_PAGE = frozenset(
    """theme.py user_style.py sharing.py uploads.py page_queue.py page_files.py gradio_files.py languages.py""".split()
)

PUT_TOGETHER = frozenset(
    """
    {} min {} s
    {} h {} min
    {} min
    {} pictures
    Done after {text}
    Failed after {text}
    Cancelled after {text}
    Interrupted after {text}
    from 1 picture
    First pass, step {} of {}
    Second pass, step {} of {}
    ready in about {text}
    ends after this picture, at once if you interrupt again
    {} GB of {} GB
    {} MB of {} GB
    {} MB of {} MB
    bfloat{} on {} cores
    float{} on {} cores
    on
    off
    none
    the first one found
    empty
    """.strip().splitlines()
)
"""Texts that no literal holds as a whole."""
OF_GRADIO = frozenset(
    """
    range slider for {text}
    number input for {text}
    Drop File Here
    Drop Image Here
    - or -
    Click to Upload
    Click to upload or drop files
    File upload
    More tabs
    Textbox
    Number
    processing
    queue: {}/{}
    Error
    Warning
    Info
    """.strip().splitlines()
)
"""What gradio's own components say, in the language of the browser alone."""
NOT_SHOWN = frozenset(
    """
    Control
    Shift
    Alt
    Meta
    Ctrl
    English
    Deutsch
    Español
    Français
    日本語
    中文
    Atelier
    Notification
    APG eta
    APG momentum
    bf16
    fp32
    bh1
    bh2
    sha256
    vary_coeff
    model.safetensors
    model_ema.*
    atelier-demo
    img2img
    txt2img
    SD 1
    SD 2
    SDXL refiner
    Stable Diffusion XL
    ControlNet
    Eta
    NGMS
    input, textarea
    taken out
    floating menu
    floating alerts
    translateY({}px)
    setting-{}
    tab-{}
    there is no {name}
    queue/{name}
    jobs/{name}/{pause}
    {outcome} after {started_text}
    {received_text} of {total_text}
    {precision} on {place}
    {name} {message}
    noopener noreferrer
    2-digit
    {name} {step} of {of}
    First pass, step
    Second pass, step
    """.strip().splitlines()
)
"""What looks like a text for people and is none, or is put together with others before anybody sees it."""

_NUMBERS = re.compile(
    r"count|number|total|place|step|seconds|rating|length|width|height|size|share|left|running|index|failed|wanted"
    r"|shown|\bof\b|\.id\b|^id$|mega|giga|millions|status|CHUNK|MOST|round|later|len\(|ahead|MAX|now|cores|found|more|times|waiting|whole|\bused\b"
)
_TEXTS = re.compile(r"\bcount\(|words|duration|^what$|settings$|\btext$|^row$|\bmessage$|^LABELS\[")
_SHOWN = re.compile(r"[^\W\d_]{2}")


class _Html(HTMLParser):
    """Texts and shown attributes of a snippet."""

    def __init__(self) -> None:
        super().__init__()
        self.texts: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.texts += [value for name, value in attrs if name in ATTRIBUTES and value]

    def handle_data(self, data: str) -> None:
        self.texts.append(data)


def _of_html(source: str) -> list[str]:
    reader = _Html()
    reader.feed(source)
    return [text for text in reader.texts if not re.fullmatch(r"\s*\{\w+\}\s*", text)]


def with_placeholders(text: str, filling: re.Pattern[str]) -> str:
    """A text of the code as a key: numbers are {}, and so is all of them where there is nothing else."""
    found = [one[1] for one in filling.finditer(text)]
    kinds = [_kind(one) for one in found]
    if all(kind == "" for kind in kinds):
        return filling.sub("{}", text)
    names = [_last_name(one) or "name" for one in found]
    if len(found) == 1:
        return filling.sub(lambda _: "{" + kinds[0] + "}", text)
    named = iter(
        name + ("_text" if kind == "text" else "") + (str(place) if name in names[:place] else "")
        for place, (name, kind) in enumerate(zip(names, kinds, strict=True))
    )
    return filling.sub(lambda _: "{" + next(named) + "}", text)


def _kind(expression: str) -> str:
    if _TEXTS.search(expression):
        return "text"
    return "" if _NUMBERS.search(expression) else "name"


def _last_name(expression: str) -> str:
    words = [word for word in re.findall(r"[A-Za-z_]\w*", expression) if word not in ("toLocaleString", "en", "id")]
    return words[-1].lower() if words else ""


_IN_SCRIPTS = re.compile(r"\$\{((?:[^{}]|\{[^}]*\})*)\}")
_IN_PYTHON = re.compile("\ue000([^\ue001]*)\ue001")


def of_scripts() -> Iterator[str]:
    """What the page's scripts and snippets show."""
    for file in sorted(ASSETS.glob("*.js")):
        for text in script_texts(file.read_text(encoding="utf-8")):
            yield with_placeholders(re.sub(r"(^|\s)# ", r"\1{} ", text), _IN_SCRIPTS)
    for file in sorted(ASSETS.glob("*.html")):
        yield from _of_html(file.read_text(encoding="utf-8"))


def of_python() -> Iterator[str]:
    """What handlers say, and how the stages of a job are called."""
    for file in sorted((MODULES / "ui").glob("*.py")):
        if file.name not in NOT_OF_THE_PAGE:
            yield from (text for text in _literals(file) if _is_prose(text))
    for place in TOLD_BY_THE_SERVER:
        path = MODULES / place
        for file in sorted(path.glob("*.py")) if path.is_dir() else [path]:
            yield from _stages(file)


def _tree(file: Path) -> ast.Module:
    return ast.parse(file.read_text(encoding="utf-8"))


def _literals(file: Path) -> Iterator[str]:
    tree = _tree(file)
    left_out = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}
    for node in ast.walk(tree):
        if _is_for_machines(node):
            left_out.update(map(id, ast.walk(node)))
    for node in ast.walk(tree):
        if isinstance(node, ast.JoinedStr) and id(node) not in left_out:
            left_out.update(map(id, ast.walk(node)))
            yield _joined(node)
        elif isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in left_out:
            yield node.value


def _is_for_machines(node: ast.AST) -> bool:
    """Refusals are made of parts; scripts, formats of logs and ids are for nobody to read."""
    if isinstance(node, ast.Raise) or (isinstance(node, ast.keyword) and node.arg in ("js", "elem_id", "js_on_load")):
        return True
    called = getattr(node.func, "attr", getattr(node.func, "id", "")) if isinstance(node, ast.Call) else ""
    return called in ("error", "warning", "getattr", "asset", "InvalidRequest", "NotFound")


def _joined(node: ast.JoinedStr) -> str:
    parts = (
        part.value if isinstance(part, ast.Constant) else f"\ue000{ast.unparse(part.value)}\ue001"  # type: ignore
        for part in node.values
    )
    return with_placeholders("".join(map(str, parts)), _IN_PYTHON)


def _stages(file: Path) -> Iterator[str]:
    for node in ast.walk(_tree(file)):
        if isinstance(node, ast.Call) and getattr(node.func, "attr", getattr(node.func, "id", "")) in ("stage", "tell"):
            for argument in node.args:
                if isinstance(argument, ast.JoinedStr):
                    yield _joined(argument)
                elif isinstance(argument, ast.Constant):
                    yield str(argument.value)


def _is_prose(text: str) -> bool:
    if "\n" in text or re.match(r"[./<#(-]|https?:|__|[A-Z_]+$|[A-Z]?[a-z]+[A-Z]|\{\w*\}[.-]", text):
        return False
    if text[:1].islower():
        return False
    return bool(_SHOWN.search(re.sub(r"\{\w*\}", "", text)))


def of_settings() -> Iterator[str]:
    """What the Settings tab shows of its table."""
    for row in fields(Settings):
        yield from (row.metadata[name] for name in ("section", "label", "help"))


def of_page(services: Services) -> Iterator[str]:
    """What the components of the page are called."""

    async def built() -> gr.Blocks:
        # Outside of a running loop gradio makes one for each of its locks and closes none.
        return build_page(services, has_logins=True)

    for component in asyncio.run(built()).get_config_file()["components"]:
        yield from _of_component(component["type"], component["props"], _names(services))


def _names(services: Services) -> frozenset[str]:
    upscalers = [upscaler.name for upscaler in services.upscalers.all()]
    names = services.sampling.names
    return frozenset([*names.sampler_names, *names.schedule_names, *upscalers])


def _of_component(kind: str, props: dict[str, Any], names: frozenset[str]) -> Iterator[str]:
    if props.get("show_label", True):
        yield str(props.get("label") or "")
    yield from (str(props.get(name) or "") for name in ("info", "placeholder"))
    if kind in ("button", "uploadbutton", "downloadbutton", "markdown"):
        yield str(props.get("value") or "")
    if kind == "html" and "{{" not in (template := str(props.get("html_template") or "")):
        yield from _of_html(re.sub(r"\$\{[^}]*\}", "", template))
    if kind in ("radio", "checkboxgroup", "dropdown"):
        choices = [str(choice[0]) for choice in props.get("choices") or []]
        yield from (choice for choice in choices if choice not in names)


def of_extensions() -> Iterator[str]:
    """What is said of the features that come with the program."""
    for file in sorted((MODULES / "builtin").glob("*.py")):
        if "def script_classes" in (source := file.read_text(encoding="utf-8")) or "@hookimpl" in source:
            words = (ast.get_docstring(_tree(file)) or "").split("\n\n")[0].partition(": ")[2]
            yield words[:1].upper() + words[1:]


def of_downloads() -> Iterator[str]:
    """What is said of well-known models."""
    yield from (model.purpose for model in DOWNLOAD_LIST)


def page_texts(services: Services) -> set[str]:
    """Every English text of the page that is to be translated, as translate.js looks it up."""
    found = [*of_scripts(), *of_python(), *of_settings(), *of_downloads(), *of_extensions(), *of_page(services)]
    found += LABELS.values()  # refusals name fields that no form has
    texts = {" ".join(text.split()) for text in found}
    shown = {text for text in texts if _SHOWN.search(re.sub(r"\{\w*\}", "", text))}
    return (shown | server_texts(MODULES) | {text.strip() for text in PUT_TOGETHER | OF_GRADIO}) - {
        text.strip() for text in NOT_SHOWN
    }


def _told(title: str, texts: Iterable[str]) -> None:
    listed = sorted(texts)
    if listed:
        print(f"{title} ({len(listed)}):")
        print("\n".join(f"  {json.dumps(text, ensure_ascii=False)}" for text in listed))


def main() -> None:
    """Print what is missing and what is held for nothing."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--language", choices=sorted(language_files()), help="one language only")
    wanted = parser.parse_args().language
    with tempfile.TemporaryDirectory() as folder:
        paths = resolve_paths(data_dir=Path(folder))
        with running_services(paths, EngineOptions(use_cpu=True, precision="full")) as services:
            texts = page_texts(services)
    for code, file in language_files().items():
        if wanted in (None, code):
            there = json.loads(file.read_text(encoding="utf-8")).keys()
            _told(f"{code} lacks", texts - there)
            _told(f"{code} has, and the page has not", there - texts)


if __name__ == "__main__":
    main()
