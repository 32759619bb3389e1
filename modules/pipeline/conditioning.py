"""A request's prompts through grammar, tokenizer, chunks and text encoder to what the network is told at each step."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch

from modules.checkpoints.loaded import LoadedModel
from modules.diffusion.conditioning import BatchConditioning, ImageConditioning, TextConditioning, WeightedConditioning
from modules.diffusion.text_encoding import EncoderLayer, encode_texts
from modules.pipeline.text_cache import TextCache
from modules.prompt.chunks import COMMA_BACKTRACK, Chunk, TokenCount, WeightedTokens, token_count, weighted_chunks
from modules.prompt.comments import strip_comments
from modules.prompt.composition import composed_parts
from modules.prompt.emphasis import Break, Piece, weighted_pieces
from modules.prompt.extra_networks import take_extra_networks
from modules.prompt.schedule import ScheduledText, index_at, prompt_schedule
from modules.schema.requests import Options

TextAt = Callable[[int], TextConditioning]
"""What a scheduled text is after so many evaluations."""


class PromptEncoder:
    """Encodes the prompts of one request for one model; what the cache holds already is not encoded again."""

    def __init__(self, model: LoadedModel, cache: TextCache, options: Options, evaluations: int) -> None:
        """`evaluations`: how often the network is asked in all, which is what `[from:to:when]` counts."""
        self._model = model
        self._cache = cache
        self._options = options
        self._evaluations = evaluations

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
        texts = tuple(entry.text for entry in schedule)
        # The place of the adapters that will change a model's text encoder is the empty tuple.
        key = (self._model.name, self._model.hash, (), texts, options.clip_skip, options.emphasis)
        return self._cache.get((*key, options.comma_padding_backtrack), lambda: self._encode(texts))

    def _encode(self, texts: Sequence[str]) -> list[TextConditioning]:
        options = self._options
        longest = max(len(self._chunks(text)) for text in texts)
        return encode_texts(
            self._model.text_encoder,
            [self._chunks(text, at_least=longest) for text in texts],
            layer=EncoderLayer(options.clip_skip),
            emphasis=options.emphasis,
        )

    def _chunks(self, text: str, at_least: int = 1) -> list[Chunk]:
        marks = self._model.tokenizer
        return weighted_chunks(
            weighted_tokens(self._model, text, emphasis=self._options.emphasis != "None"),
            start=marks.bos_token_id,
            end=marks.eos_token_id,
            padding=marks.eos_token_id if marks.pad_token_id is None else marks.pad_token_id,
            comma=comma_token(self._model),
            backtrack=self._options.comma_padding_backtrack,
            at_least=at_least,
        )

    def _padded(self, text: TextConditioning, tokens: int) -> TextConditioning:
        """A text made as long as another by what an empty prompt says."""
        missing = tokens - text.tokens
        if not missing:
            return text
        (empty,) = self._encoded([ScheduledText(self._evaluations, "")])
        filling = empty.states.repeat(1, -(-missing // empty.tokens), 1)[:, :missing]
        return TextConditioning(torch.cat([text.states, filling], dim=1), text.pooled, text.time_ids)


def weighted_tokens(model: LoadedModel, text: str, *, emphasis: bool = True) -> list[WeightedTokens | Break]:
    """A text's token ids with their weights; without `emphasis` brackets are text like any other."""
    pieces = weighted_pieces(text) if emphasis else [Piece(text, 1.0)]
    return [piece if isinstance(piece, Break) else (model.tokens(piece.text), piece.weight) for piece in pieces]


def comma_token(model: LoadedModel) -> int:
    """The id of a comma that ends a word."""
    return model.tokens(",")[-1]


def count_tokens(model: LoadedModel, prompt: str, *, backtrack: int = COMMA_BACKTRACK) -> TokenCount:
    """The count beside a prompt: of its longest text, where it is scheduled or composed."""
    shown, _ = take_extra_networks(strip_comments(prompt))
    counts = [
        token_count(weighted_tokens(model, entry.text), comma=comma_token(model), backtrack=backtrack)
        for part in composed_parts(shown)
        for entry in prompt_schedule(part.text, 1)
    ]
    return max(counts, key=lambda count: count.tokens)
