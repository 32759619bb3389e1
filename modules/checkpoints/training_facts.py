"""What a file's header says of how it was made: metadata of kohya's trainer (ss_*) and of ModelSpec (modelspec.*)."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass

MOST_TAGS = 200
MOST_CHARACTERS = 4 << 20
"""Of the histogram; those of large data sets have a few hundred KB."""
_LONGEST = 500


@dataclass(frozen=True)
class TrainingFacts:
    """Texts as the file has them, "" where it says nothing; whoever made the file may have written anything."""

    title: str = ""
    author: str = ""
    trigger_phrase: str = ""
    base_model: str = ""
    rank: str = ""
    resolution: str = ""
    tags: tuple[tuple[str, int], ...] = ()
    """The words of the pictures' captions and how often each occurs, the most frequent first."""


def training_facts(metadata: Mapping[str, str]) -> TrainingFacts:
    """The facts in a header's metadata."""

    def first(*keys: str) -> str:
        found = (metadata[key].strip()[:_LONGEST] for key in keys if key in metadata)
        return next((text for text in found if text and text != "None"), "")

    return TrainingFacts(
        title=first("modelspec.title", "ss_output_name"),
        author=first("modelspec.author"),
        trigger_phrase=first("modelspec.trigger_phrase"),
        base_model=first("ss_sd_model_name", "ss_base_model_version", "modelspec.architecture"),
        rank=first("ss_network_dim"),
        resolution=first("modelspec.resolution", "ss_resolution"),
        tags=tag_histogram(metadata.get("ss_tag_frequency", "")),
    )


def tag_histogram(text: str) -> tuple[tuple[str, int], ...]:
    """The tags of ss_tag_frequency, {data set: {tag: count}}, added up over the data sets; at most MOST_TAGS."""
    if not text or len(text) > MOST_CHARACTERS:
        return ()
    try:
        content = json.loads(text)
    except (ValueError, RecursionError):
        return ()
    counts: Counter[str] = Counter()
    for tags in content.values() if isinstance(content, dict) else ():
        for tag, count in tags.items() if isinstance(tags, dict) else ():
            if type(count) is int and 0 < count < 1 << 53:
                counts[tag.strip()[:_LONGEST]] += count
    ranked = sorted(counts.items(), key=lambda entry: (-entry[1], entry[0]))
    return tuple(ranked[:MOST_TAGS])
