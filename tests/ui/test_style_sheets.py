"""The page's style sheets keep to what gradio does with them."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from modules.ui import assets

SHEETS = sorted(Path(assets.__file__).parent.glob("*.css"))


@pytest.mark.parametrize("sheet", SHEETS, ids=lambda sheet: sheet.name)
def test_a_rule_for_dark_pages_has_one_selector(sheet: Path) -> None:
    """Gradio puts its own container before every selector of a list, but takes `.dark` out of the first one alone: the
    others would be weaker than their rule for light pages."""
    text = re.sub(r"/\*.*?\*/", "", sheet.read_text("utf-8"), flags=re.DOTALL)
    selectors = [found.strip() for found in re.findall(r"([^{}]+)\{", text)]
    assert selectors
    assert [one for one in selectors if ".dark" in one and "," in one] == []
