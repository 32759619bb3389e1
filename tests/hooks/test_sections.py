"""Sections as an extension declares them: their arguments in infotexts, and what is refused when it is taken in."""

from __future__ import annotations

from typing import Any

import pytest

from modules.errors import InvalidRequest
from modules.hooks import (
    Argument,
    Available,
    ChangeContext,
    Colour,
    Drawn,
    ImageContext,
    Number,
    Picture,
    Plugins,
    Section,
    SectionRegistry,
    SeveralChoices,
    Switch,
    Text,
    hookimpl,
    read_arguments,
)


class Plain(Section):
    """A section with an argument of several kinds."""

    name = "Plain"
    tasks = ("img2img",)
    arguments = (
        Text(name="words", label="Words (all)"),
        Number(name="size", label="Size", key="Plain size", default=1, minimum=0, maximum=9),
        Switch(name="loud", label="Loud", default=True),
        SeveralChoices(name="several", label="Several", choices=("a", "b, c", 'd"'), default=("a",)),
    )


class Extension:
    """Registers what it is given."""

    def __init__(self, sections: object) -> None:
        self.sections = sections

    @hookimpl
    def register_sections(self) -> Any:
        if isinstance(self.sections, Exception):
            raise self.sections
        return self.sections


def taken_in(*several: object) -> tuple[SectionRegistry, list[str]]:
    """The sections of plugins `p0`, `p1`, ..., and why others were left out."""
    plugins = Plugins(())
    for number, sections in enumerate(several):
        plugins.register(Extension(sections), f"p{number}")
    registry = SectionRegistry(plugins)
    return registry, list(map(str, plugins.failures))


def section(name: str = "Other", *arguments: Argument, **more: Any) -> Section:
    kind = type("Made", (Section,), {"name": name, "arguments": arguments, **more})
    made = kind()
    assert isinstance(made, Section)
    return made


def test_a_section_is_found_by_its_name_for_its_tasks() -> None:
    plain = Plain()
    registry, failures = taken_in([plain])
    assert failures == []
    assert registry.names("img2img") == ("Plain",)
    assert registry.names("txt2img") == ()
    assert registry.find(" plain ", "img2img") is plain
    assert (registry.plugin_of(plain), registry.names_of("p0"), registry.names_of("p1")) == ("p0", ("Plain",), ())
    with pytest.raises(InvalidRequest, match="Section 'Plian' is not known. Nearest: Plain."):
        registry.find("Plian", "img2img")
    with pytest.raises(InvalidRequest, match="Section 'Plain' is no part of txt2img. Use img2img."):
        registry.find("Plain", "txt2img")


@pytest.mark.parametrize(
    ("sections", "problem"),
    [
        (RuntimeError("no"), "RuntimeError: no"),
        ("Plain", "register_sections returned str instead of a list"),
        ([Plain], "which is no Section with a name"),
        ([section("a, b")], "'a, b' is no name of a section"),
        ([section("a" * 61)], "is no name of a section"),
        ([section("Twice"), section("twice")], "there is a section 'twice' already"),
        (
            [section("A", Text(name="a", label="A"), Text(name="a", label="B"))],
            "two arguments of 'A' have the same name",
        ),
        ([section("A", Text(name="a b", label="A"))], "'a b' is no name of an argument"),
        ([section("A", Drawn(name="a", label="A"))], "which only scripts are told"),
        ([section("A", Text(name="a", label="A", key="Steps"))], "infotexts have a key 'Steps' already"),
        ([section("A", Text(name="a", label="A", key="Sections"))], "infotexts have a key 'Sections' already"),
        ([section("A", Text(name="a", label="A", key="a:b"))], "'a:b' is no key for infotexts"),
        (
            [
                section("A", Text(name="a", label="A", key="Words")),
                section("B", Text(name="a", label="A", key="Words")),
            ],
            "infotexts have a key 'Words' already",
        ),
        (
            [section("A", change_request=lambda *_: None, process_image=lambda *_: None)],
            "'A' changes requests and pictures, and has no carried_out",
        ),
    ],
)
def test_what_cannot_work_leaves_its_plugin_out_alone(sections: object, problem: str) -> None:
    registry, failures = taken_in(sections, [Plain()])
    assert len(failures) == 1
    assert failures[0].startswith("p0 is left out: ") and problem in failures[0]
    assert registry.names("img2img") == ("Plain",)


def test_the_second_of_two_with_the_same_name_is_left_out() -> None:
    registry, failures = taken_in([section("Plain")], [Plain()])
    assert failures == ["p1 is left out: there is a section 'Plain' already"]
    assert registry.names("txt2img") == ("Plain",)


def test_every_argument_has_a_key() -> None:
    assert Plain().keys == ("Plain Words all", "Plain size", "Plain Loud", "Plain Several")


@pytest.mark.parametrize(
    "given",
    [
        {},
        {"words": "a, b: c"},
        {"words": "512x768"},
        {"words": ' "quoted"\n\nand more '},
        {"size": 0.1 + 0.2},
        {"size": 1 / 3},
        {"loud": False},
        {"several": ()},
        {"several": ("b, c", 'd"')},
    ],
)
def test_what_an_infotext_says_is_read_back(given: dict[str, Any]) -> None:
    plain, available = Plain(), Available(task="img2img")
    arguments = read_arguments(plain.arguments, given, available)
    said = plain.parameters(arguments)
    assert len(said) == len(given)
    assert all(plain.explains(key) for key in said)
    assert read_arguments(plain.arguments, plain.arguments_of(said), available) == arguments


def test_sizes_that_were_taken_apart_are_explained() -> None:
    plain = Plain()
    assert plain.arguments_of({"Plain Words all-1": "512", "Plain Words all-2": "768"}) == {"words": "512x768"}
    assert plain.explains("Plain Words all-1")
    assert not plain.explains("Plain")


def test_what_changes_requests_is_off_when_it_was_carried_out() -> None:
    class Changing(Section):
        name = "Changing"

        def change_request(self, context: ChangeContext) -> None: ...

    class Processing(Section):
        name = "Processing"

        def process_image(self, context: ImageContext) -> None: ...

    assert Changing().changes_requests and not Changing().processes_images
    assert Processing().processes_images and not Processing().changes_requests
    assert Changing().carried_out({"a": 1}) is None
    assert Processing().carried_out({"a": 1}) == {"a": 1}


@pytest.mark.parametrize("value", ["#00ff7F", " #00FF7f "])
def test_colours(value: str) -> None:
    row = Colour(name="colour", label="Colour", default="#123456")
    assert row.read(value, Available(task="txt2img"), {}) == "#00ff7f"
    for wrong in ("red", "#12345", "#1234567", "#12345g", 7, None):
        with pytest.raises(InvalidRequest, match="is no colour"):
            row.read(wrong, Available(task="txt2img"), {})


def test_pictures_are_named_by_their_ids() -> None:
    row = Picture(name="picture", label="Picture")
    assert row.read("ab" * 16, Available(task="txt2img"), {}) == "ab" * 16
    assert row.read("", Available(task="txt2img"), {}) == row.initial == ""
    for wrong in ("../ab", "AB" * 16, "ab" * 15, 7, None):
        with pytest.raises(InvalidRequest, match="is no stored picture"):
            row.read(wrong, Available(task="txt2img"), {})
