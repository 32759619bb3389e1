"""A request's prompts through grammar, tokenizer, chunks and text encoder to what the network is told at each step."""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import reduce

import torch

from modules.checkpoints.loaded import LoadedModel
from modules.checkpoints.prompt_tokenizer import PromptTokenizer
from modules.checkpoints.text_encoder import TextEncoder
from modules.diffusion.conditioning import (
    BatchConditioning,
    ImageConditioning,
    TextConditioning,
    WeightedConditioning,
    side_by_side,
)
from modules.diffusion.text_encoding import encode_texts
from modules.errors import InvalidRequest
from modules.pipeline.learned_words import LearnedWords, Names, names_to_count, with_runs
from modules.pipeline.networks import PassNetworks
from modules.pipeline.text_cache import TextCache
from modules.prompt.chunks import CHUNK_TOKENS, Chunk, TokenCount, WeightedTokens, token_count, weighted_chunks
from modules.prompt.comments import strip_comments
from modules.prompt.composition import composed_parts
from modules.prompt.emphasis import Break, Piece, weighted_pieces
from modules.prompt.extra_networks import take_extra_networks
from modules.prompt.schedule import ScheduledText, index_at, prompt_schedule
from modules.schema.requests import MAX_STEPS, Resolved

_MOST_CHUNKS = 512
"""Of all texts of one schedule: 120 MB for Stable Diffusion 1 and 320 MB for XL; any prompt that does not change fits.
"""
_MOST_COUNTED = 64

TextAt = Callable[[int], TextConditioning]
"""What a scheduled text is after so many evaluations."""


@dataclass(frozen=True)
class PromptSteps:
    """What `[from:to:when]` counts: how often the network is asked in a pass, and in the pass before it."""

    evaluations: int
    after: int | None = None
    """The first pass's, where this is the second one."""

    def schedule(self, text: str, *, old_timelines: bool) -> list[ScheduledText]:
        """The texts of a pass."""
        if self.after is None:
            return prompt_schedule(text, self.evaluations, old_timelines=old_timelines)
        return prompt_schedule(text, self.after, hires_steps=self.evaluations, old_timelines=old_timelines)


class PromptEncoder:
    """Encodes the prompts of one pass for one model; what the cache holds already is not encoded again."""

    def __init__(
        self,
        model: LoadedModel,
        cache: TextCache,
        request: Resolved,
        steps: PromptSteps,
        check: Callable[[], None],
        *,
        networks: PassNetworks,
    ) -> None:
        """`request` is the pass's: its options, and the size that the model is told of.

        `check` is called before every call of a text encoder; what it raises ends the work. Texts are encoded with
        what the model wears of `networks` at that moment.
        """
        self._model = model
        self._cache = cache
        self._request = request
        self._steps = steps
        self._check = check
        self._networks = networks
        self._layer = model.encoder_layer(request.clip_skip)
        self._ids = model.time_ids(request.height, request.width)
        self._negative_ids = model.time_ids(request.height, request.width, negative=True)

    def batch(self, prompts: Sequence[tuple[str, str]]) -> Callable[[int], BatchConditioning]:
        """What each image is told after so many evaluations, from its prompt and its negative prompt."""
        images = [self._image(prompt, negative) for prompt, negative in prompts]
        return lambda evaluation: [image(evaluation) for image in images]

    def _image(self, prompt: str, negative_prompt: str) -> Callable[[int], ImageConditioning]:
        shown, _ = take_extra_networks(strip_comments(prompt))
        parts = [(self._scheduled(part.text), part.weight) for part in composed_parts(shown)]
        negative = self._negative(strip_comments(negative_prompt))

        def at(evaluation: int) -> ImageConditioning:
            texts = [text(evaluation) for text, _ in parts]
            without = negative(evaluation)
            if self._request.pad_cond_uncond:
                longest = max(text.tokens for text in (*texts, without))
                texts, without = [self._padded(text, longest) for text in texts], self._padded(without, longest)
            weighted = zip(texts, (weight for _, weight in parts), strict=True)
            positives = (WeightedConditioning(text.with_time_ids(self._ids), weight) for text, weight in weighted)
            return ImageConditioning(tuple(positives), without.with_time_ids(self._negative_ids))

        return at

    def _negative(self, text: str) -> TextAt:
        encoded = self._scheduled(text)
        if text.strip() or not self._model.zeroes_empty_prompt:
            return encoded
        return lambda evaluation: encoded(evaluation).zeroed()

    def _scheduled(self, text: str) -> TextAt:
        schedule = self._steps.schedule(text, old_timelines=self._request.old_prompt_timelines)
        encoded = self._encoded(schedule)
        return lambda evaluation: encoded[index_at(schedule, evaluation)]

    def _encoded(self, schedule: Sequence[ScheduledText]) -> list[TextConditioning]:
        """All texts of a schedule in one call, since the emphasis mode Original restores the mean over all of them.

        They know no sizes, so that passes of different sizes share them.
        """
        request = self._request
        repeats = Counter(entry.text for entry in schedule)
        words = LearnedWords(self._model, self._networks.embeddings("\n".join(repeats)))
        model = (self._model.name, self._model.fingerprint, self._networks.key, words.key)
        key = (*model, tuple(repeats.items()), self._layer, request.emphasis, request.comma_padding_backtrack)
        encoded = self._cache.get(key, lambda: self._encode(repeats, words))
        by_text = dict(zip(repeats, encoded, strict=True))
        return [by_text[entry.text] for entry in schedule]

    def _encode(self, repeats: Mapping[str, int], words: LearnedWords) -> list[TextConditioning]:
        """One text after another, from all encoders side by side."""
        encoders = self._model.text_encoders
        chunks = [self._texts(one.tokenizer, repeats, words.names(place)) for place, one in enumerate(encoders)]
        longest = max(len(text) for texts in chunks for text in texts)
        with words.put_in():
            encoded = [
                self._through(encoder, texts, longest, list(repeats.values()))
                for encoder, texts in zip(encoders, chunks, strict=True)
            ]
        return [reduce(side_by_side, seen) for seen in zip(*encoded, strict=True)]

    def _through(
        self, encoder: TextEncoder, texts: Sequence[list[Chunk]], longest: int, repeats: Sequence[int]
    ) -> list[TextConditioning]:
        (empty,) = self._cut(encoder.tokenizer, ())
        return encode_texts(
            encoder.network,
            [[*chunks, *[empty] * (longest - len(chunks))] for chunks in texts],
            layer=self._layer,
            emphasis=self._request.emphasis,
            pooled=self._model.wants_pooled,
            repeats=repeats,
            before_each_call=self._check,
        )

    def _texts(self, tokenizer: PromptTokenizer, texts: Mapping[str, int], names: Names) -> list[list[Chunk]]:
        """The chunks of each text. Raises InvalidRequest where they are too many."""
        found: list[list[Chunk]] = []
        for text in texts:
            tokens = weighted_tokens(tokenizer, text, names, emphasis=self._request.emphasis != "None")
            found.append(self._cut(tokenizer, tokens))
            if len(found[-1]) * len(texts) > _MOST_CHUNKS:
                raise _too_much(text, len(texts), len(found[-1]))
        return found

    def _cut(self, tokenizer: PromptTokenizer, tokens: Sequence[WeightedTokens | Break]) -> list[Chunk]:
        return weighted_chunks(
            tokens,
            start=tokenizer.start,
            end=tokenizer.end,
            padding=tokenizer.padding,
            comma=tokenizer.comma,
            backtrack=self._request.comma_padding_backtrack,
        )

    def _padded(self, text: TextConditioning, tokens: int) -> TextConditioning:
        """A text made as long as another by what an empty prompt says."""
        missing = tokens - text.tokens
        if not missing:
            return text
        (empty,) = self._encoded([ScheduledText(self._steps.evaluations, "")])
        filling = empty.states.repeat(1, -(-missing // empty.tokens), 1)[:, :missing]
        return replace(text, states=torch.cat([text.states, filling], dim=1))


def weighted_tokens(
    tokenizer: PromptTokenizer, text: str, names: Names, *, emphasis: bool = True
) -> list[WeightedTokens | Break]:
    """A text's token ids with their weights, those of embeddings in the place of their `names`.

    Without `emphasis` brackets are text like any other.
    """
    pieces = weighted_pieces(text) if emphasis else [Piece(text, 1.0)]
    return [
        piece if isinstance(piece, Break) else (with_runs(tokenizer.ids(piece.text), names), piece.weight)
        for piece in pieces
    ]


def _too_much(text: str, texts: int, chunks: int) -> InvalidRequest:
    problem = f"changes into {texts} texts of up to {chunks * CHUNK_TOKENS:,} tokens, too much to keep at once"
    return InvalidRequest("Prompt", text, problem, "Shorten it, or let fewer of its words change from step to step.")


def count_tokens(tokenizer: PromptTokenizer, prompt: str, lengths: Mapping[str, int]) -> TokenCount:
    """The count beside a prompt: of its longest text, where it is scheduled or composed; of the first 64 of them.

    `lengths` says of how many vectors the embeddings are, by the names that the prompt calls them.
    """
    names = names_to_count(tokenizer, lengths)
    shown, _ = take_extra_networks(strip_comments(prompt))
    parts = composed_parts(shown)
    texts = dict.fromkeys(entry.text for part in parts for entry in prompt_schedule(part.text, MAX_STEPS))
    counts = [
        token_count(weighted_tokens(tokenizer, text, names), comma=tokenizer.comma)
        for text in itertools.islice(texts, _MOST_COUNTED)
    ]
    return max(counts, key=lambda count: count.tokens)
