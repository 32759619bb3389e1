"""`gradio` as A1111's extensions know it (3.41), by the gradio that is here.

Names that are gone stand for what took their place, words that a component no longer knows are left out, and `_js` is
`js`. Nothing of gradio itself is changed.
"""

from __future__ import annotations

import functools
import inspect
from abc import ABCMeta
from collections.abc import Callable
from types import ModuleType
from typing import Any

import gradio as gr
from gradio.blocks import Block
from gradio.component_meta import ComponentMeta, updateable

from modules.compat.surroundings import A1111Module

_RENAMED = {"Box": gr.Group, "Variable": gr.State}


class WithoutInterfaceFile(ComponentMeta):  # type: ignore[misc]  # gradio is checked without types
    """Of classes that are derived from gradio's components.

    gradio writes a file beside the code of each, which in an extension's folder is one that nobody agreed to. And it
    tells the page a component's class and the parameters of its `__init__`; the page knows gradio's own alone.
    """

    def __new__(cls, name: str, bases: tuple[type, ...], attributes: dict[str, Any]) -> Any:
        if "__init__" in attributes:
            attributes["__init__"] = updateable(attributes["__init__"])
        made = ABCMeta.__new__(cls, name, bases, attributes)
        real = next(one for one in made.__mro__ if issubclass(one, Block) and not isinstance(one, cls))
        if "__init__" in attributes:
            attributes["__init__"].__signature__ = inspect.Signature(_parameters(attributes["__init__"], real.__init__))
        if made.get_block_name is Block.get_block_name:
            shown = real.__base__ if hasattr(real, "is_template") else real
            made.get_block_name = lambda self: shown.__name__.lower()
        return made


class ComponentOfA1111:
    """Stands for a class of gradio's: called it makes one of those, and it can be asked and derived from like it."""

    def __init__(self, real: type[Block]) -> None:
        self._real = real
        parameters = inspect.signature(real).parameters.values()
        self._takes_all = any(one.kind is one.VAR_KEYWORD for one in parameters)
        self._known = {one.name for one in parameters}

    def __call__(self, *args: Any, **words: Any) -> Block:
        made = self._real(*args, **{name: value for name, value in words.items() if self._takes(name)})
        made.style = lambda *args, **words: made
        for event in getattr(self._real, "EVENTS", ()):
            setattr(made, str(event), _with_renamed_words(getattr(made, str(event))))
        return made

    def __instancecheck__(self, instance: object) -> bool:
        return isinstance(instance, self._real)

    def __mro_entries__(self, bases: tuple[object, ...]) -> tuple[type[Block]]:
        return (self._base,)

    @functools.cached_property
    def _base(self) -> type[Block]:
        """What classes are derived from in its place."""
        real = self._real
        made: type[Block] = WithoutInterfaceFile(real.__name__, (real,), {}) if type(real) is ComponentMeta else real
        return made

    def __getattr__(self, name: str) -> Any:
        return gr.update if name == "update" else getattr(self._real, name)

    def _takes(self, name: str) -> bool:
        return self._takes_all or name in self._known


class GradioOfA1111(A1111Module):
    """The module."""

    def __getattr__(self, name: str) -> Any:
        found = _RENAMED[name] if name in _RENAMED else getattr(gr, name)
        if isinstance(found, type) and issubclass(found, Block) and not issubclass(found, gr.Blocks):
            found = ComponentOfA1111(found)
        elif isinstance(found, ModuleType):
            return found
        vars(self)[name] = found
        return found


def _parameters(*functions: Callable[..., Any]) -> list[inspect.Parameter]:
    """Those that any of the functions has, by name."""
    found = {name: one for function in functions for name, one in inspect.signature(function).parameters.items()}
    return [
        one.replace(kind=one.KEYWORD_ONLY)
        for one in found.values()
        if one.kind not in (one.VAR_POSITIONAL, one.VAR_KEYWORD)
    ]


def _with_renamed_words(listen: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(listen)
    def heard(*args: Any, **words: Any) -> Any:
        if "_js" in words:
            words["js"] = words.pop("_js")
        return listen(*args, **words)

    return heard
