"""What a prompt becomes for a text encoder, in words: parts, the texts of each step, their chunks and tokens."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass

from modules.checkpoints.prompt_tokenizer import PromptTokenizer
from modules.errors import InvalidRequest
from modules.pipeline.conditioning import PromptSteps, weighted_tokens
from modules.pipeline.learned_words import Names
from modules.prompt.chunks import CHUNK_TOKENS, Run, WeightedTokens, token_rows
from modules.prompt.comments import strip_comments
from modules.prompt.composition import composed_parts
from modules.prompt.emphasis import Break
from modules.prompt.extra_networks import take_extra_networks
from modules.prompt.schedule import index_at
from modules.schema.requests import Resolved

MOST_TOKENS = 8000
"""Of all texts that a prompt changes into: an answer has to reach a page."""
_MARKS = 2
"""A chunk's start and end."""


@dataclass(frozen=True)
class Token:
    """One token as a person reads it."""

    text: str
    weight: float
    ends_word: bool
    is_learned: bool = False
    """Whether it is a vector of an embedding, whose name it bears."""


@dataclass(frozen=True)
class ShownChunk:
    """What a text encoder sees at once, without marks and padding."""

    tokens: tuple[Token, ...]
    ends_by_break: bool
    """Whether the word BREAK ends it, and not its length."""


@dataclass(frozen=True)
class ShownText:
    """One of the texts that a prompt is in the course of a pass."""

    text: str
    chunks: tuple[ShownChunk, ...]


@dataclass(frozen=True)
class ShownPart:
    """What stands between two ANDs."""

    weight: float
    texts: tuple[ShownText, ...]
    at: tuple[int, ...]
    """For each step of the pass: which of the texts holds when it begins."""


@dataclass(frozen=True)
class Word:
    """A word of a text, and the places of its tokens among all that a network is told."""

    text: str
    weight: float
    places: tuple[int, ...]


class PromptOutline:
    """Reads prompts of one pass as `PromptEncoder` does."""

    def __init__(
        self,
        tokenizer: PromptTokenizer,
        request: Resolved,
        learned: Collection[str],
        names: Names,
        steps: PromptSteps,
        evaluations: Sequence[int],
    ) -> None:
        """`learned` are embeddings by name, and `names` what stands for their tokens.

        `evaluations` says which one begins each step of the pass.
        """
        self._tokenizer = tokenizer
        self._request = request
        self._names = names
        called = {tuple(tokenizer.ids(name)): name for name in learned}
        self._learned = {number: called[ids] for ids, run in names.items() for number in run.ids}
        self._steps = steps
        self._evaluations = evaluations
        self._tokens = 0

    def prompt(self, text: str) -> list[ShownPart]:
        """The parts of a prompt. Raises InvalidRequest for one that is too long to be shown."""
        return [self._part(part.text, part.weight) for part in composed_parts(_shown(text))]

    def negative(self, text: str) -> list[ShownPart]:
        """The same of a negative prompt, which is one part. Raises InvalidRequest."""
        return [self._part(strip_comments(text), 1.0)]

    def words(self, text: str) -> list[list[list[Word]]]:
        """The words of a prompt: of each part, at each step."""
        parts = []
        for part in composed_parts(_shown(text)):
            texts, at = self._texts(part.text)
            found = [words_in(self._chunks(one)) for one in texts]
            parts.append([found[place] for place in at])
        return parts

    def _part(self, text: str, weight: float) -> ShownPart:
        texts, at = self._texts(text)
        shown = []
        for one in texts:
            chunks = self._chunks(one)
            self._tokens += sum(len(chunk.tokens) for chunk in chunks) + 1
            if self._tokens > MOST_TOKENS:
                problem = f"changes into more than {MOST_TOKENS:,} tokens, too much to be shown"
                raise InvalidRequest("Prompt", text, problem, "Shorten it, or let fewer of its words change.")
            shown.append(ShownText(one, tuple(chunks)))
        return ShownPart(weight, tuple(shown), at)

    def _texts(self, text: str) -> tuple[list[str], tuple[int, ...]]:
        """The different texts in the order of their first step, and which of them holds at each step."""
        schedule = self._steps.schedule(text, old_timelines=self._request.old_prompt_timelines)
        held = [schedule[index_at(schedule, evaluation)].text for evaluation in self._evaluations]
        texts = list(dict.fromkeys(held)) or [schedule[0].text]
        places = {one: place for place, one in enumerate(texts)}
        return texts, tuple(places[one] for one in held)

    def _chunks(self, text: str) -> list[ShownChunk]:
        tokens = weighted_tokens(self._tokenizer, text, self._names, emphasis=self._request.emphasis != "None")
        stretches = list(_stretches(tokens))
        chunks: list[ShownChunk] = []
        for place, stretch in enumerate(stretches):
            is_last = place == len(stretches) - 1
            if is_last and place and not stretch:
                break  # nothing follows the last BREAK, and that is no chunk
            rows = token_rows(stretch, comma=self._tokenizer.comma, backtrack=self._request.comma_padding_backtrack)
            for number, row in enumerate(rows, 1):
                shown = tuple(self._token(token, weight) for token, weight in row)
                chunks.append(ShownChunk(shown, ends_by_break=number == len(rows) and not is_last))
        return chunks

    def _token(self, number: int, weight: float) -> Token:
        if number in self._learned:
            return Token(self._learned[number], weight, ends_word=True, is_learned=True)
        written = self._tokenizer.token(number)
        return Token(written.rstrip(), weight, ends_word=written.endswith(" "))


def words_in(chunks: Sequence[ShownChunk]) -> list[Word]:
    """The words of a text in order, without those that have no letter and no digit."""
    words: list[Word] = []
    for number, chunk in enumerate(chunks):
        first = number * (CHUNK_TOKENS + _MARKS) + 1
        begun: list[tuple[int, Token]] = []
        for place, token in enumerate(chunk.tokens, first):
            if begun and begun[-1][1].is_learned and begun[-1][1].text != token.text:
                words.extend(_word(begun))
                begun = []
            begun.append((place, token))
            if token.ends_word and not token.is_learned:
                words.extend(_word(begun))
                begun = []
        words.extend(_word(begun))
    return words


def counted_names(tokenizer: PromptTokenizer, lengths: Mapping[str, int]) -> Names:
    """The names of embeddings of so many vectors, each of which has a number of its own, for where none is loaded."""
    names, number = {}, -1
    for name, length in lengths.items():
        names[tuple(tokenizer.ids(name))] = Run(tuple(range(number, number - length, -1)))
        number -= length
    return names


def _shown(text: str) -> str:
    return take_extra_networks(strip_comments(text))[0]


def _stretches(tokens: Sequence[WeightedTokens | Break]) -> Iterator[list[WeightedTokens]]:
    """What stands between breaks; chunks begin anew with each."""
    stretch: list[WeightedTokens] = []
    for one in tokens:
        if isinstance(one, Break):
            yield stretch
            stretch = []
        else:
            stretch.append(one)
    yield stretch


def _word(begun: Sequence[tuple[int, Token]]) -> Iterator[Word]:
    if not begun:
        return
    first = begun[0][1]
    text = first.text if first.is_learned else "".join(token.text for _, token in begun)
    if any(character.isalnum() or character == "�" for character in text):
        yield Word(text, first.weight, tuple(place for place, _ in begun))
