"""Extensions that a test puts into a folder."""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from pathlib import Path

from modules.hooks.extension_states import ExtensionStates
from modules.hooks.extensions import Extension, Extensions

SCRIPT = """
from modules.hooks import Script, hookimpl

class Made(Script):
    name = "{title}"

    def run(self, base, arguments, context):
        {run}

@hookimpl
def register_scripts():
    return [Made()]
"""


def script_code(title: str, run: str = "context.paint(base)") -> str:
    """A package that adds a script of that name."""
    return SCRIPT.format(title=title, run=run)


def put_extension(root: Path, name: str, code: str = "", *, manifest: str = "", **fields: str) -> Path:
    """A folder below `root` with a manifest and a package of that code."""
    folder = root / name
    package = folder / name.replace("-", "_")
    package.mkdir(parents=True)
    (package / "__init__.py").write_text(code, "utf-8")
    rows = {"name": f'"{name}"', "version": '"1.0"', "hooks": '">=1"', **fields}
    text = manifest or "".join(f"{key} = {value}\n" for key, value in rows.items())
    (folder / "extension.toml").write_text(text, "utf-8")
    return folder


def put_codeless(root: Path, name: str, files: Mapping[str, str]) -> Path:
    """An extension of a manifest and files alone, by their paths in its folder."""
    folder = put_extension(root, name, touches='["page"]')
    shutil.rmtree(folder / name.replace("-", "_"))
    for path, content in files.items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_text(content, "utf-8")
    return folder


def extensions_of(root: Path) -> Extensions:
    """The extensions below a folder, with their decisions beside it."""
    return Extensions(root, ExtensionStates(root.parent / "extensions.json"))


def found(extensions: Extensions, name: str) -> Extension:
    """The one of that name."""
    return next(one for one in extensions.all() if one.name == name)
