"""What is told of a run beforehand is what is run: sigmas, guidance, the refiner's step, words."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch

from modules.checkpoints.loaded import LoadedModel
from modules.checkpoints.loading import NoiseFacts, load_checkpoint, read_noise_facts
from modules.checkpoints.registry import Registry
from modules.errors import InvalidRequest
from modules.pipeline.conditioning import count_tokens
from modules.pipeline.prompt_outline import Word, words_in
from modules.pipeline.run_outline import PassOutline, RunOutline, Start
from modules.pipeline.sampling_run import SamplingRun, img2img_run
from modules.prompt.chunks import weighted_chunks
from modules.schema.requests import ResolvedTxt2Img
from tests.pipeline.painting import Onlooker, Studio, to_img2img, to_txt2img
from tests.small_checkpoints import write_small
from tests.tiny_models import write_tiny_model, write_tiny_sd2


def facts_of(model: LoadedModel) -> NoiseFacts:
    assert model.prediction_type != "flow"
    return NoiseFacts(model.family, model.prediction_type, model.levels)


def passes(studio: Studio, start: Start | None = None, **fields: Any) -> list[PassOutline]:
    facts = {name: facts_of(model) for name, model in studio.models.items()}
    return RunOutline(to_txt2img(**fields), facts, start).passes()


@pytest.mark.parametrize(
    "fields",
    [
        {"sampler_name": "DPM++ 2M", "scheduler": "Karras", "steps": 20},
        {"sampler_name": "Heun", "scheduler": "Exponential", "steps": 7, "sigma_max": 9.0},
        {"sampler_name": "DDIM", "scheduler": "Timesteps", "steps": 12},
        {"sampler_name": "UniPC", "scheduler": "Time uniform", "steps": 12},
        {"sampler_name": "Euler", "scheduler": "Custom", "steps": 3, "sigmas": (8.0, 3.0, 1.0, 0.0)},
        {"sampler_name": "Euler", "scheduler": "Align Your Steps", "steps": 9, "model": "xl"},
        {"sampler_name": "Euler", "scheduler": "Beta", "steps": 9, "model": "velocity", "zero_terminal_snr": True},
    ],
)
@pytest.mark.parametrize("strength", [None, 0.3, 1.0])
def test_sigmas_are_those_that_are_run(studio: Studio, fields: dict[str, Any], strength: float | None) -> None:
    resources = studio.resources()
    if strength is None:
        run = SamplingRun(to_txt2img(**fields), resources)
    else:
        run = img2img_run(to_img2img(**fields, denoising_strength=strength), resources)
    (told,) = passes(studio, None if strength is None else Start(strength, exact=False), **fields)
    assert list(told.sigmas) == run.sigmas.tolist()
    assert all(sigma > told.sigmas[0] for sigma in told.skipped)
    assert bool(told.skipped) == (strength == 0.3) or strength == 1.0
    assert len(told.timesteps) == len(told.guided) == run.steps


def test_second_pass_has_its_own_model_sampler_and_start(studio: Studio) -> None:
    fields: dict[str, Any] = {
        "enable_hr": True,
        "steps": 6,
        "hr_second_pass_steps": 4,
        "denoising_strength": 0.5,
        "model": "plain",
    }
    first, second = passes(studio, hr_checkpoint_name="other", hr_sampler_name="Euler a", **fields)
    assert (first.is_second, second.is_second) == (False, True)
    assert (second.model, second.sampler, len(second.sigmas)) == ("other", "Euler a", 5)
    assert len(second.skipped) == 4  # of the eight steps that four are half of
    (alone,) = passes(studio, firstpass_image="4" * 32, **fields)
    assert alone.is_second


def test_guidance_is_told_step_by_step(studio: Studio) -> None:
    (told,) = passes(studio, steps=8, guidance_interval_start=0.25, guidance_interval_end=0.75)
    assert told.guided == (False, False, True, True, True, True, False, False)
    (told,) = passes(studio, steps=8, cfg_scale=1.0)
    assert not any(told.guided) and not any(told.negative_left_out)
    (told,) = passes(studio, steps=4, skip_early_cond=0.25)
    assert told.negative_left_out == (True, True, False, False)


@pytest.mark.parametrize("fields", [{}, {"refiner_switch_by_sample_steps": True}, {"sampler_name": "Heun"}])
def test_refiner_takes_over_at_the_step_that_is_told(studio: Studio, fields: dict[str, Any]) -> None:
    class Watching(Onlooker):
        done_at_switch = -1

        def stage(self, text: str) -> None:
            super().stage(text)
            if text.startswith("Loading the refiner"):
                self.done_at_switch = len(self.steps)

    given = {"steps": 9, "refiner_checkpoint": "other", "refiner_switch_at": 0.6, **fields}
    watcher = Watching()
    studio.paint(to_txt2img(**given), watcher)
    (told,) = passes(studio, **given)
    # Heun looks ahead in every step: the refiner's first look is at the end of the step before its own.
    before = 1 if "sampler_name" in fields else 0
    assert told.refiner == "other" and told.refiner_from == watcher.done_at_switch + before + 1


def test_words_change_at_the_steps_that_are_told(studio: Studio) -> None:
    (told,) = passes(studio, steps=8, prompt="a [red:blue:0.5] house")
    assert told.changes == (6,)  # a text that ends at step 4 is used in five evaluations
    (told,) = passes(studio, steps=4, prompt="[cat|dog]")
    assert told.changes == (3, 4)
    (told,) = passes(studio, steps=4)
    assert told.changes == ()


def outline_words(studio: Studio, **fields: Any) -> Any:
    facts = {name: facts_of(model) for name, model in studio.models.items()}
    (found,) = RunOutline(to_txt2img(**fields), facts, None).words(studio.models["plain"].tokenizer, {})
    return found


def test_texts_chunks_and_weights_are_those_of_the_encoder(studio: Studio) -> None:
    prompt = "a (red:1.3) [boat|star] BREAK " + "house, " * 60 + "AND fish :0.5"
    found = outline_words(studio, prompt=prompt, negative_prompt="[x:y:0.5]", steps=4)
    assert [part.weight for part in found.prompt] == [1.0, 0.5]
    first = found.prompt[0]
    assert [first.texts[place].text.split(" BREAK")[0] for place in first.at] == [
        "a (red:1.3) boat",
        "a (red:1.3) boat",
        "a (red:1.3) star",
        "a (red:1.3) boat",
    ]
    chunks = first.texts[0].chunks
    assert [(token.text, token.weight) for token in chunks[0].tokens] == [("a", 1.0), ("red", 1.3), ("boat", 1.0)]
    assert [chunk.ends_by_break for chunk in chunks] == [True, False, False]
    tokenizer = studio.models["plain"].tokenizer
    assert sum(len(chunk.tokens) for chunk in chunks[1:]) == 120
    counted = count_tokens(tokenizer, prompt, {})
    assert counted.tokens == 75 * (len(chunks) - 1) + len(chunks[-1].tokens)
    assert len(found.negative) == 1 and len(found.negative[0].texts) == 2


def test_a_last_break_is_no_chunk(studio: Studio) -> None:
    found = outline_words(studio, prompt="cat BREAK")
    assert [len(chunk.tokens) for chunk in found.prompt[0].texts[0].chunks] == [1]


def test_places_of_words_are_those_in_the_conditioning(studio: Studio) -> None:
    tokenizer = studio.models["plain"].tokenizer
    found = outline_words(studio, prompt="a hummingbird, (boat:1.2) BREAK star !")
    words = words_in(found.prompt[0].texts[0].chunks)
    assert [word.text for word in words] == ["a", "hummingbird", "boat", "star"]
    pieces: Any = [([*tokenizer.ids("a hummingbird, boat")], 1.0)]
    marks = {"start": tokenizer.start, "end": tokenizer.end, "padding": tokenizer.padding, "comma": tokenizer.comma}
    ids = weighted_chunks(pieces, **marks)[0].ids + weighted_chunks([(tokenizer.ids("star !"), 1.0)], **marks)[0].ids

    def named(word: Word) -> str:
        return "".join(tokenizer.token(ids[place]) for place in word.places).strip()

    assert [named(word) for word in words] == ["a", "hummingbird", "boat", "star"]


def test_embeddings_are_one_word_of_several_vectors(studio: Studio) -> None:
    facts = {name: facts_of(model) for name, model in studio.models.items()}
    request = to_txt2img(prompt="a my-style house, my-style other-style")
    lengths = {"my-style": 3, "other-style": 2}
    (found,) = RunOutline(request, facts, None).words(studio.models["plain"].tokenizer, lengths)
    words = words_in(found.prompt[0].texts[0].chunks)
    assert [(word.text, len(word.places)) for word in words if "style" in word.text] == [
        ("my-style", 3),
        ("my-style", 3),
        ("other-style", 2),
    ]


def test_a_prompt_too_long_to_be_shown_is_refused(studio: Studio) -> None:
    with pytest.raises(InvalidRequest, match="too much to be shown"):
        outline_words(
            studio, prompt="house " * 4000 + "".join(f"[a{number}:b:{number}]" for number in range(4)), steps=9
        )


def test_noise_is_known_without_loading(tmp_path: Path) -> None:
    write_tiny_model(tmp_path / "one")
    write_tiny_sd2(tmp_path / "two", zero_snr=True)
    write_small(tmp_path / "three.safetensors")
    registry = Registry([tmp_path])
    for name in ("one", "two"):
        model = load_checkpoint(registry.find(name), device=torch.device("cpu"), dtype=torch.float32, attention="sdp")
        told = read_noise_facts(registry.find(name))
        assert torch.equal(told.levels.sigmas, model.levels.sigmas)
        assert (told.family, told.prediction_type) == (model.family, model.prediction_type)
    told = read_noise_facts(registry.find("three"))
    assert told.family == "sd1" and told.levels.sigma_max == pytest.approx(14.6146, abs=1e-3)


def test_the_demo_of_a_request_is_plain_data(studio: Studio) -> None:
    """What crosses from the worker to the server."""
    request = ResolvedTxt2Img.model_validate_json(to_txt2img(steps=3).model_dump_json())
    (told,) = RunOutline(request, {"plain": facts_of(studio.models["plain"])}).passes()
    assert len(told.sigmas) == 4
