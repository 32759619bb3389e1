"""A request's prompts through grammar, tokenizer, chunks and text encoder to what the network is told at each step."""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Callable, Mapping, Sequence

import torch

from modules.checkpoints.loaded import LoadedModel
from modules.checkpoints.prompt_tokenizer import PromptTokenizer
from modules.diffusion.conditioning import BatchConditioning, ImageConditioning, TextConditioning, WeightedConditioning
from modules.diffusion.text_encoding import EncoderLayer, encode_texts
from modules.errors import InvalidRequest
from modules.pipeline.text_cache import TextCache
from modules.prompt.chunks import CHUNK_TOKENS, Chunk, TokenCount, WeightedTokens, token_count, weighted_chunks
from modules.prompt.comments import strip_comments
from modules.prompt.composition import composed_parts
from modules.prompt.emphasis import Break, Piece, weighted_pieces
from modules.prompt.extra_networks import take_extra_networks
from modules.prompt.schedule import ScheduledText, index_at, prompt_schedule
from modules.schema.requests import MAX_STEPS, Options

_MOST_CHUNKS = 512
"""Of all texts of one schedule: 120 MB for Stable Diffusion 1, and any prompt that does not change fits."""
_MOST_COUNTED = 64

TextAt = Callable[[int], TextConditioning]
"""What a scheduled text is after so many evaluations."""


class PromptEncoder:
    """Encodes the prompts of one request for one model; what the cache holds already is not encoded again."""

    def __init__(
        self, model: LoadedModel, cache: TextCache, options: Options, evaluations: int, check: Callable[[], None]
    ) -> None:
        """`evaluations`: how often the network is asked in all, which is what `[from:to:when]` counts.

        `check` is called before every call of the text encoder; what it raises ends the work.
        """
        self._model = model
        self._cache = cache
        self._options = options
        self._evaluations = evaluations
        self._check = check

    def batch(self, prompts: Sequence[tuple[str, str]]) -> Callable[[int], BatchConditioning]:
        """What each image is told after so many evaluations, from its prompt and its negative prompt."""
        images = [self._image(prompt, negative) for prompt, negative in prompts]
        return lambda evaluation: [image(evaluation) for image in images]

    def _image(self, prompt: str, negative_prompt: str) -> Callable[[int], ImageConditioning]:
        shown, _ = take_extra_networks(strip_comments(prompt))
        parts = [(self._scheduled(part.text), part.weight) for part in composed_parts(shown)]
        negative = self._scheduled(strip_comments(negative_prompt))

        def at(evaluation: int) -> ImageConditioning:
            texts = [text(evaluation) for text, _ in parts]
            without = negative(evaluation)
            if self._options.pad_cond_uncond:
                longest = max(text.tokens for text in (*texts, without))
                texts, without = [self._padded(text, longest) for text in texts], self._padded(without, longest)
            weighted = zip(texts, (weight for _, weight in parts), strict=True)
            return ImageConditioning(tuple(WeightedConditioning(text, weight) for text, weight in weighted), without)

        return at

    def _scheduled(self, text: str) -> TextAt:
        schedule = prompt_schedule(text, self._evaluations, old_timelines=self._options.old_prompt_timelines)
        encoded = self._encoded(schedule)
        return lambda evaluation: encoded[index_at(schedule, evaluation)]

    def _encoded(self, schedule: Sequence[ScheduledText]) -> list[TextConditioning]:
        """All texts of a schedule in one call, since the emphasis mode Original restores the mean over all of them."""
        options = self._options
        repeats = Counter(entry.text for entry in schedule)
        # The place of the adapters that will change a model's text encoder is the empty tuple.
        key = (self._model.name, self._model.hash, (), tuple(repeats.items()), options.clip_skip, options.emphasis)
        encoded = self._cache.get((*key, options.comma_padding_backtrack), lambda: self._encode(repeats))
        by_text = dict(zip(repeats, encoded, strict=True))
        return [by_text[entry.text] for entry in schedule]

    def _encode(self, repeats: Mapping[str, int]) -> list[TextConditioning]:
        texts: list[list[Chunk]] = []
        for text in repeats:
            texts.append(self._chunks(text))
            if len(texts[-1]) * len(repeats) > _MOST_CHUNKS:
                raise _too_much(text, len(repeats), len(texts[-1]))
        longest = max(len(chunks) for chunks in texts)
        (empty,) = self._cut(())
        return encode_texts(
            self._model.text_encoder,
            [[*chunks, *[empty] * (longest - len(chunks))] for chunks in texts],
            layer=EncoderLayer(self._options.clip_skip),
            emphasis=self._options.emphasis,
            repeats=list(repeats.values()),
            before_each_call=self._check,
        )

    def _chunks(self, text: str) -> list[Chunk]:
        return self._cut(weighted_tokens(self._model.tokenizer, text, emphasis=self._options.emphasis != "None"))

    def _cut(self, tokens: Sequence[WeightedTokens | Break]) -> list[Chunk]:
        marks = self._model.tokenizer
        return weighted_chunks(
            tokens,
            start=marks.start,
            end=marks.end,
            padding=marks.padding,
            comma=marks.comma,
            backtrack=self._options.comma_padding_backtrack,
        )

    def _padded(self, text: TextConditioning, tokens: int) -> TextConditioning:
        """A text made as long as another by what an empty prompt says."""
        missing = tokens - text.tokens
        if not missing:
            return text
        (empty,) = self._encoded([ScheduledText(self._evaluations, "")])
        filling = empty.states.repeat(1, -(-missing // empty.tokens), 1)[:, :missing]
        return TextConditioning(torch.cat([text.states, filling], dim=1), text.pooled, text.time_ids)


def weighted_tokens(tokenizer: PromptTokenizer, text: str, *, emphasis: bool = True) -> list[WeightedTokens | Break]:
    """A text's token ids with their weights; without `emphasis` brackets are text like any other."""
    pieces = weighted_pieces(text) if emphasis else [Piece(text, 1.0)]
    return [piece if isinstance(piece, Break) else (tokenizer.ids(piece.text), piece.weight) for piece in pieces]


def _too_much(text: str, texts: int, chunks: int) -> InvalidRequest:
    problem = f"changes into {texts} texts of up to {chunks * CHUNK_TOKENS:,} tokens, too much to keep at once"
    return InvalidRequest("Prompt", text, problem, "Shorten it, or let fewer of its words change from step to step.")


def count_tokens(tokenizer: PromptTokenizer, prompt: str) -> TokenCount:
    """The count beside a prompt: of its longest text, where it is scheduled or composed; of the first 64 of them."""
    shown, _ = take_extra_networks(strip_comments(prompt))
    parts = composed_parts(shown)
    texts = dict.fromkeys(entry.text for part in parts for entry in prompt_schedule(part.text, MAX_STEPS))
    counts = [
        token_count(weighted_tokens(tokenizer, text), comma=tokenizer.comma)
        for text in itertools.islice(texts, _MOST_COUNTED)
    ]
    return max(counts, key=lambda count: count.tokens)
