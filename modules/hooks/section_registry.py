"""The sections of all plugins."""

from __future__ import annotations

from collections.abc import Mapping

from modules.errors import InvalidRequest
from modules.hooks.argument_groups import check_group
from modules.hooks.arguments import Picture
from modules.hooks.plain_names import nearest_name, plain_name
from modules.hooks.plugins import Plugins
from modules.hooks.scripts import SCRIPT_KEY
from modules.hooks.sections import SECTIONS_KEY, Section
from modules.schema.infotext_keys import FIELD_OF_KEY, OTHER_SPELLINGS, PAIRED_SIDES, SAYS_NOTHING_OF_THE_PICTURE
from modules.schema.infotext_versions import VERSION_KEY
from modules.schema.requests import Task

_TAKEN_KEYS = frozenset(
    {
        *FIELD_OF_KEY,
        *OTHER_SPELLINGS,
        *PAIRED_SIDES,
        *SAYS_NOTHING_OF_THE_PICTURE,
        SCRIPT_KEY,
        SECTIONS_KEY,
        VERSION_KEY,
    }
    | {"Size"}
)


class SectionRegistry:
    """Sections by name. Of two with the same name the first counts, and the plugin of the other is left out."""

    def __init__(self, plugins: Plugins) -> None:
        self._at_work = plugins
        self._sections: dict[str, Section] = {}
        self._plugins: dict[Section, str] = {}
        for plugin, sections in list(plugins.answers("register_sections")):
            try:
                contributed = _checked(sections, self._sections)
            except ValueError as error:
                plugins.leave_out(plugin, str(error))
            else:
                self._sections |= contributed
                self._plugins |= dict.fromkeys(contributed.values(), plugin)

    def names(self, task: Task) -> tuple[str, ...]:
        """The sections that a task has, in their order."""
        return tuple(section.name for section in self._of_those_at_work() if task in section.tasks)

    def plugin_of(self, section: Section) -> str:
        """The plugin that a section came with, for whoever has to tell that it failed."""
        return self._plugins[section]

    def names_of(self, plugin: str) -> tuple[str, ...]:
        """The sections that came with a plugin."""
        return tuple(section.name for section in self._of_those_at_work() if self._plugins[section] == plugin)

    def known(self, name: str) -> Section | None:
        """The section of that name, in any case, whatever tasks have it."""
        return self._sections.get(plain_name(name))

    def pictures_of(self, name: str) -> frozenset[str]:
        """The names of the arguments of a section that are pictures; none where it is not known."""
        section = self.known(name)
        return frozenset(row.name for row in section.arguments if isinstance(row, Picture)) if section else frozenset()

    def find(self, name: str, task: Task) -> Section:
        """The section of that name, in any case. Raises InvalidRequest naming the nearest."""
        section = self._sections.get(plain_name(name))
        if section is None or self._at_work.was_left_out(self._plugins[section]):
            raise InvalidRequest("Section", name, "is not known", nearest_name(name, self.names(task)))
        if task not in section.tasks:
            raise InvalidRequest("Section", name, f"is no part of {task}", f"Use {' or '.join(section.tasks)}.")
        return section

    def _of_those_at_work(self) -> list[Section]:
        return [section for section, plugin in self._plugins.items() if not self._at_work.was_left_out(plugin)]


def _checked(sections: object, known: Mapping[str, Section]) -> dict[str, Section]:
    """The sections that a plugin contributes. Raises ValueError."""
    if not isinstance(sections, (list, tuple)):
        raise ValueError(f"register_sections returned {type(sections).__name__} instead of a list")
    found: dict[str, Section] = {}
    for section in sections:
        if not isinstance(section, Section) or not isinstance(getattr(section, "name", None), str):
            raise ValueError(f"register_sections returned {type(section).__name__}, which is no Section with a name")
        if plain_name(section.name) in {**known, **found}:
            raise ValueError(f"there is a section {section.name!r} already")
        of_others = {key for one in (*known.values(), *found.values()) for key in one.keys}
        check_group(section, "section", _TAKEN_KEYS | of_others)
        if section.changes_requests and section.processes_images and _says_nothing_of_both(section):
            raise ValueError(f"{section.name!r} changes requests and pictures, and has no carried_out")
        found[plain_name(section.name)] = section
    return found


def _says_nothing_of_both(section: Section) -> bool:
    return type(section).carried_out is Section.carried_out
