"""extension.toml: what is good is read, and what is not is refused in words."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from modules.config.paths import ROOT
from modules.errors import BrokenExtension
from modules.hooks.manifest import MOST_BYTES, TOUCHED, Manifest, parse_manifest, read_manifest

GOOD = {"name": '"sea"', "version": '"1.2"', "hooks": '">=1"'}


def parsed(folder: str = "sea", **fields: str) -> Manifest:
    text = "\n".join(f"{name} = {value}" for name, value in {**GOOD, **fields}.items())
    return parse_manifest(text.encode(), folder)


def test_what_is_good_is_read() -> None:
    found = parsed(
        title='"The sea"',
        requirements='["numpy >= 2", "torch; python_version > \'3\'"]',
        touches=str(list(TOUCHED)).replace("'", '"'),
        homepage='"https://example.org/sea"',
    )
    assert (found.shown_name, found.version, found.package_name, found.hooks) == ("The sea", "1.2", "sea", ">=1")
    assert found.requirements == ("numpy>=2", 'torch; python_version > "3"') and found.touches == TOUCHED


def test_the_package_is_called_as_the_folder_is() -> None:
    assert parsed("deep-sea", name='"deep-sea"').package_name == "deep_sea"
    assert parsed(package='"waves"').package_name == "waves"


@pytest.mark.parametrize(
    ("fields", "problem"),
    [
        ({"name": '"../sea"'}, "Its extension.toml has name = '../sea': string should match"),
        ({"name": '"Sea"'}, "use small letters, digits, - and _ only"),
        ({"name": '"con"'}, "is a name that Windows keeps for itself"),
        ({"name": '"lake"'}, "says that it is 'lake', but its folder is 'sea'"),
        ({"name": "7"}, "has name = '7': input should be a valid string"),
        ({"version": '"soon"'}, "has version = 'soon': is no version: write it like 1.2.0"),
        ({"hooks": '"one"'}, "has hooks = 'one': is no range of versions"),
        ({"requirements": '["numpy >> 2"]'}, "has requirements.0 = 'numpy >> 2': is no requirement"),
        ({"requirements": '["sea @ https://example.org/sea.whl"]'}, "names an address"),
        ({"requirements": '["--index-url x"]'}, "is no requirement"),
        ({"homepage": '"javascript:alert(1)"'}, "is no address: it begins with https://"),
        ({"touches": '["everything"]'}, "has touches.0 = 'everything': input should be 'scripts'"),
        ({"package": '"a.b"'}, "has package = 'a.b'"),
        ({"colour": '"blue"'}, "has 'colour', which is no field. Fields: name, version"),
        ({"version": '"'}, "is no TOML"),
    ],
)
def test_what_is_not_is_refused_in_words(fields: dict[str, str], problem: str) -> None:
    with pytest.raises(BrokenExtension) as refused:
        parsed(**fields)
    assert problem in str(refused.value)


@pytest.mark.parametrize("missing", GOOD)
def test_what_is_missing_is_named(missing: str) -> None:
    text = "\n".join(f"{name} = {value}" for name, value in GOOD.items() if name != missing)
    with pytest.raises(BrokenExtension, match=f"lacks '{missing}'"):
        parse_manifest(text.encode(), "sea")


@given(st.binary(max_size=300))
def test_any_bytes_are_refused_and_nothing_else(content: bytes) -> None:
    with pytest.raises(BrokenExtension):
        parse_manifest(content, "sea")


def test_a_file_that_is_not_there_or_too_large_is_refused(tmp_path: Any) -> None:
    with pytest.raises(BrokenExtension, match=r"no extension\.toml that can be read"):
        read_manifest(tmp_path)
    (tmp_path / "extension.toml").write_bytes(b"#" * (MOST_BYTES + 1))
    with pytest.raises(BrokenExtension, match="is larger than 65,536 bytes"):
        read_manifest(tmp_path)


def test_the_documentation_shows_the_example_as_it_is() -> None:
    page = (ROOT / "docs" / "extensions.md").read_text("utf-8")
    example = ROOT / "extensions" / "seed-travel"
    assert f"```toml\n{(example / 'extension.toml').read_text('utf-8')}```" in page
    assert read_manifest(example).touches == ("scripts",)
    assert all(f"`{name}`" in page for name in Manifest.model_fields)
    assert all(f"`{word}`" in page for word in TOUCHED)
