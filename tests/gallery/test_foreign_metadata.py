"""Pictures of other programs: each file is made here as that program writes it."""

from __future__ import annotations

import gzip
import html
import json
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import ExifTags, Image
from PIL.PngImagePlugin import PngInfo

from modules.diffusion.names import BUILT_IN_NAMES, SAMPLER_NAMES
from modules.gallery.foreign.foreign_json import object_of
from modules.gallery.foreign.invokeai import _SAMPLERS as INVOKE_SAMPLERS
from modules.gallery.foreign.reading import infotext_of, read_picture
from modules.gallery.foreign.translation import known_sampler, known_schedule
from modules.gallery.infotext_facts import facts_of
from modules.schema.infotext import parse_infotext, request_of
from modules.schema.requests import Img2ImgRequest, Txt2ImgRequest

COMFY_SAMPLERS = (
    "euler euler_cfg_pp euler_ancestral heun dpm_2 dpm_2_ancestral lms dpm_fast dpm_adaptive dpmpp_2s_ancestral "
    "dpmpp_sde dpmpp_sde_gpu dpmpp_2m dpmpp_2m_sde dpmpp_2m_sde_gpu dpmpp_3m_sde dpmpp_3m_sde_gpu ddpm lcm ipndm deis "
    "ddim uni_pc res_multistep gradient_estimation er_sde"
).split()
COMFY_SCHEDULES = "normal karras exponential sgm_uniform simple ddim_uniform beta linear_quadratic kl_optimal".split()


def png(path: Path, texts: Mapping[str, str], *, international: bool = False) -> Path:
    info = PngInfo()
    for key, text in texts.items():
        (info.add_itxt if international else info.add_text)(key, text)
    Image.new("RGB", (64, 48)).save(path, pnginfo=info)
    return path


def with_exif(path: Path, tag: int, value: object, *, inner: bool) -> Path:
    exif = Image.Exif()
    exif[ExifTags.Base.Software] = "a program"
    place: Any = exif.get_ifd(ExifTags.IFD.Exif) if inner else exif
    place[tag] = value
    Image.new("RGB", (64, 48)).save(path, exif=exif)
    return path


def request(infotext: str) -> Txt2ImgRequest | Img2ImgRequest:
    return request_of(parse_infotext(infotext)).request


def refused(infotext: str) -> dict[str, str]:
    return {row.key: row.value for row in request_of(parse_infotext(infotext)).refused}


def node(kind: str, **inputs: object) -> dict[str, object]:
    return {"class_type": kind, "inputs": inputs}


GRAPH = {
    "3": node(
        "KSampler", seed=["20", 0], steps=25, cfg=6.5, sampler_name="dpmpp_2m_sde_gpu", scheduler="karras",
        denoise=1.0, model=["10", 0], positive=["40", 0], negative=["7", 0], latent_image=["5", 0],
    ),
    "4": node("CheckpointLoaderSimple", ckpt_name="xl\\photo.safetensors"),
    "5": node("EmptyLatentImage", width=832, height=1216, batch_size=1),
    "6": node("CLIPTextEncode", text=["30", 0], clip=["4", 1]),
    "7": node("CLIPTextEncode", text="blurry, (ugly:1.2)", clip=["4", 1]),
    "8": node("VAEDecode", samples=["3", 0], vae=["4", 2]),
    "9": node("SaveImage", images=["8", 0]),
    "10": node("LoraLoader", lora_name="ink.safetensors", strength_model=0.8, model=["11", 0], clip=["4", 1]),
    "11": node("Power Lora Loader (rgthree)", lora_1={"on": True, "lora": "wet.pt", "strength": 0.5}, model=["4", 0]),
    "20": node("Seed Everywhere", seed=123456789),
    "30": node("Text Concatenate", text_a=["31", 0], text_b="at night"),
    "31": node("ShowText|pysssss", text=["32", 0]),
    "32": node("PrimitiveString", value="a red house"),
    "40": node("ControlNetApply", conditioning=["6", 0], control_net=["41", 0], strength=1.0),
    "41": node("ControlNetLoader", control_net_name="canny.safetensors"),
}  # fmt: skip


def test_a_comfyui_graph_is_followed_through_nodes_that_nobody_knows(tmp_path: Path) -> None:
    read = read_picture(png(tmp_path / "a.png", {"prompt": json.dumps(GRAPH), "workflow": "{}"}))
    made = request(read.infotext)
    assert (read.width, read.height, read.problem) == (64, 48, "")
    assert made.prompt == "at night, a red house <lora:ink:0.8> <lora:wet:0.5>".replace("> <", "><")
    assert made.negative_prompt == "blurry, (ugly:1.2)"
    assert (made.sampler_name, made.scheduler, made.steps, made.cfg_scale) == ("DPM++ 2M SDE", "Karras", 25, 6.5)
    assert (made.seed, made.width, made.height, made.model) == (123456789, 832, 1216, "photo")
    assert (made.rng, made.emphasis) == ("CPU", "No norm")
    told = refused(read.infotext)
    assert told["ControlNet"] == "canny"
    assert {"Seed Everywhere", "Power Lora Loader (rgthree)"} <= set(told["ComfyUI nodes"].split(", "))
    facts = facts_of(read.infotext)
    assert (facts.origin, facts.loras, facts.model, facts.seed) == ("ComfyUI", ("ink", "wet"), "photo", 123456789)


def test_a_comfyui_graph_with_two_passes_gives_the_first() -> None:
    graph = {
        **GRAPH,
        "1": node(
            "KSampler", seed=5, steps=10, cfg=4.0, sampler_name="euler", scheduler="simple", denoise=0.5,
            model=["4", 0], positive=["6", 0], negative=["7", 0], latent_image=["2", 0],
        ),
        "2": node("LatentUpscale", samples=["3", 0], width=1664, height=2432),
    }  # fmt: skip
    text = infotext_of({"prompt": json.dumps(graph)})
    made = request(text)
    assert (made.steps, made.width, made.seed) == (25, 832, 123456789)
    assert refused(text)["Further passes"] == "1"


def test_a_comfyui_graph_of_separate_sampling_nodes() -> None:
    graph = {
        "1": node("SamplerCustomAdvanced", noise=["2", 0], guider=["3", 0], sampler=["4", 0], sigmas=["5", 0],
                  latent_image=["6", 0]),
        "2": node("RandomNoise", noise_seed=42),
        "3": node("BasicGuider", model=["7", 0], conditioning=["8", 0]),
        "4": node("KSamplerSelect", sampler_name="euler"),
        "5": node("BasicScheduler", scheduler="simple", steps=8, denoise=1.0, model=["7", 0]),
        "6": node("EmptySD3LatentImage", width=1024, height=768),
        "7": node("UNETLoader", unet_name="flux.gguf"),
        "8": node("FluxGuidance", guidance=3.5, conditioning=["9", 0]),
        "9": node("CLIPTextEncodeFlux", clip_l="a fish", t5xxl="a fish in the sea", guidance=3.5),
    }  # fmt: skip
    text = infotext_of({"prompt": json.dumps(graph)})
    made = request(text)
    assert (made.prompt, made.negative_prompt, made.seed, made.steps) == ("a fish in the sea", "", 42, 8)
    assert (made.sampler_name, made.scheduler, made.model, made.width) == ("Euler", "Simple", "flux", 1024)
    assert refused(text)["Distilled CFG Scale"] == "3.5"


def test_a_drawing_of_a_comfyui_graph_will_do() -> None:
    drawing = {
        "nodes": [
            {"id": 1, "type": "KSampler", "widgets_values": [7, "fixed", 12, 5.5, "euler", "normal", 1],
             "inputs": [{"name": name, "link": link} for name, link in
                        (("model", 1), ("positive", 2), ("negative", 3), ("latent_image", 4))]},
            {"id": 2, "type": "CheckpointLoaderSimple", "widgets_values": ["demo.ckpt"]},
            {"id": 3, "type": "CLIPTextEncode", "widgets_values": ["a boat"]},
            {"id": 4, "type": "CLIPTextEncode", "widgets_values": ["fog"]},
            {"id": 5, "type": "EmptyLatentImage", "widgets_values": [512, 640, 1]},
            {"id": 6, "type": "LoadImage", "widgets_values": ["x.png"], "mode": 4},
        ],
        "links": [[1, 2, 0, 1, 0, "MODEL"], [2, 3, 0, 1, 1, "CONDITIONING"], [3, 4, 0, 1, 2, "CONDITIONING"],
                  [4, 5, 0, 1, 3, "LATENT"]],
    }  # fmt: skip
    made = request(infotext_of({"workflow": json.dumps(drawing)}))
    assert (made.prompt, made.negative_prompt, made.seed, made.steps) == ("a boat", "fog", 7, 12)
    assert (made.cfg_scale, made.width, made.height, made.model) == (5.5, 512, 640, "demo")


def test_comfyui_in_a_webp(tmp_path: Path) -> None:
    path = with_exif(tmp_path / "a.webp", 0x0110, "prompt:" + json.dumps(GRAPH), inner=False)
    assert request(read_picture(path).infotext).steps == 25


INVOKE = {
    "app_version": "3.3.0", "generation_mode": "txt2img", "positive_prompt": "a fish", "negative_prompt": "blur",
    "width": 768, "height": 432, "seed": 99, "rand_device": "cpu", "cfg_scale": 7.5, "steps": 50,
    "scheduler": "dpmpp_2m_sde_k", "clip_skip": 1, "model": {"model_name": "paint", "base_model": "sd-1"},
    "controlnets": [{"control_model": {"model_name": "depth"}}],
    "loras": [{"lora": {"model_name": "ink"}, "weight": 0.75}, {"model": {"name": "wet"}, "weight": 1}],
    "vae": {"model_name": "mse"}, "cfg_rescale_multiplier": 0.7, "seamless_x": True,
}  # fmt: skip


def test_invokeai(tmp_path: Path) -> None:
    text = read_picture(png(tmp_path / "a.png", {"invokeai_metadata": json.dumps(INVOKE)})).infotext
    made = request(text)
    assert (made.prompt, made.negative_prompt) == ("a fish <lora:ink:0.75><lora:wet:1>", "blur")
    assert (made.sampler_name, made.scheduler, made.steps, made.seed) == ("DPM++ 2M SDE", "Karras", 50, 99)
    assert (made.width, made.height, made.model, made.sd_vae) == (768, 432, "paint", "mse")
    assert (made.rng, made.clip_skip, made.cfg_rescale, made.tiling) == ("CPU", 2, 0.7, "X")
    assert refused(text)["ControlNet"] == "depth"
    assert facts_of(text).origin == "InvokeAI"


def test_invokeai_of_before() -> None:
    image = {"prompt": [{"prompt": "a fish [blur] at sea++", "weight": 1}], "steps": 30, "cfg_scale": 7.5,
             "width": 512, "height": 384, "seed": 12, "sampler": "k_euler_a", "type": "txt2img"}  # fmt: skip
    older = infotext_of({"sd-metadata": json.dumps({"model_weights": "sd-1.4", "image": image})})
    oldest = infotext_of({"Dream": '"a fish [blur] at sea++" -s 30 -S12 -W 512 -H 384 -C 7.5 -A k_euler_a'})
    for text in (older, oldest):
        made = request(text)
        assert (made.prompt, made.negative_prompt) == ("a fish at sea++", "blur")
        assert (made.steps, made.seed, made.cfg_scale, made.width, made.height) == (30, 12, 7.5, 512, 384)
        assert (made.sampler_name, refused(text)["Prompt syntax"]) == ("Euler a", "Compel")
    assert request(older).model == "sd-1.4"


FOOOCUS = {
    "adm_guidance": "(1.5, 0.8, 0.3)", "base_model": "juggernaut", "full_negative_prompt": ["ugly", "blur"],
    "full_prompt": ["a fish, cinematic", "sharp"], "guidance_scale": 4, "lora_combined_1": "offset : 0.1",
    "loras": [["offset", 0.1, "abc"]], "negative_prompt": "ugly", "performance": "Speed", "prompt": "a fish",
    "refiner_model": "None", "resolution": "(896, 1152)", "sampler": "dpmpp_2m_sde_gpu", "scheduler": "karras",
    "seed": "31415", "sharpness": 2, "steps": 30, "styles": "['Fooocus V2']", "vae": "Default (model)",
    "version": "Fooocus v2.5.5",
}  # fmt: skip


def test_fooocus(tmp_path: Path) -> None:
    content = json.dumps(FOOOCUS)
    files = [
        png(tmp_path / "a.png", {"parameters": content, "fooocus_scheme": "fooocus"}),
        with_exif(tmp_path / "a.jpg", 0x9286, content, inner=False),
        with_exif(tmp_path / "a.webp", 0x9286, content, inner=False),
    ]
    for file in files:
        text = read_picture(file).infotext
        made = request(text)
        assert made.prompt == "a fish, cinematic, sharp <lora:offset:0.1>", file
        assert (made.negative_prompt, made.steps, made.seed, made.cfg_scale) == ("ugly, blur", 30, 31415, 4)
        assert (made.width, made.height, made.model) == (896, 1152, "juggernaut")
        assert (made.sampler_name, made.scheduler) == ("DPM++ 2M SDE", "Karras")
        assert {"Performance", "Sharpness", "Fooocus styles"} <= refused(text).keys()
        assert facts_of(text).origin == "Fooocus"


def test_fooocus_in_the_form_of_a1111() -> None:
    written = (
        "a fish, sharp\nNegative prompt: ugly\nSteps: 30, Sampler: DPM++ 2M SDE Karras, Seed: 7, Size: 896x1152, "
        "CFG scale: 4, Sharpness: 2, Model: juggernaut, Model hash: abc, Performance: Speed, Scheduler: karras, "
        'VAE: Default (model), Raw prompt: a fish, Raw negative prompt: ugly, Lora hashes: "offset: abc", '
        'Lora weights: "offset: 0.1", Version: Fooocus v2.5.5'
    )
    made = request(infotext_of({"parameters": written, "fooocus_scheme": "a1111"}))
    assert (made.prompt, made.negative_prompt, made.seed) == ("a fish, sharp <lora:offset:0.1>", "ugly", 7)
    assert (made.sampler_name, made.scheduler, made.width) == ("DPM++ 2M SDE", "Karras", 896)


NOVEL = {
    "prompt": "{{fish}}, sea", "steps": 28, "height": 1216, "width": 832, "scale": 5.0, "uncond_scale": 1.0,
    "cfg_rescale": 0.2, "seed": 4242, "noise_schedule": "karras", "sampler": "k_euler_ancestral", "uc": "lowres",
    "sm": True, "request_type": "PromptGenerateRequest",
}  # fmt: skip
NOVEL_TEXTS = {
    "Title": "AI generated image", "Description": "{{fish}}, sea", "Software": "NovelAI",
    "Source": "Stable Diffusion XL C1E1DE52", "Comment": json.dumps(NOVEL),
}  # fmt: skip


def hidden(path: Path, text: str, *, packed: bool) -> Path:
    """A PNG without texts, whose alpha channel holds them."""
    content = gzip.compress(text.encode()) if packed else text.encode()
    head = b"stealth_pngcomp" if packed else b"stealth_pnginfo"
    bits = np.unpackbits(np.frombuffer(head + (8 * len(content)).to_bytes(4, "big") + content, np.uint8))
    alpha = np.full(200 * 160, 255, np.uint8)
    alpha[: len(bits)] = 254 | bits
    pixels = np.full((160, 200, 4), 90, np.uint8)
    pixels[:, :, 3] = alpha.reshape(200, 160).T
    Image.fromarray(pixels).save(path)
    return path


@pytest.mark.parametrize("how", ["chunks", "packed", "plain"])
def test_novelai(tmp_path: Path, how: str) -> None:
    path = tmp_path / "a.png"
    if how == "chunks":
        png(path, NOVEL_TEXTS)
    else:
        hidden(path, json.dumps(NOVEL_TEXTS), packed=how == "packed")
    text = read_picture(path).infotext
    made = request(text)
    assert (made.prompt, made.negative_prompt) == ("(fish:1.1025), sea", "lowres")
    assert (made.steps, made.seed, made.cfg_scale, made.cfg_rescale) == (28, 4242, 5, 0.2)
    assert (made.sampler_name, made.scheduler, made.width, made.height) == ("Euler a", "Karras", 832, 1216)
    assert refused(text)["SMEA"] == "on"
    assert facts_of(text).origin == "NovelAI"


def test_novelai_with_characters() -> None:
    captions = {"base_caption": "a street", "char_captions": [{"char_caption": "girl"}, {"char_caption": "boy"}]}
    comment = {**NOVEL, "v4_prompt": {"caption": captions}}
    assert request(infotext_of({"Comment": json.dumps(comment)})).prompt == "a street, girl, boy"


def test_an_infotext_hidden_in_the_alpha_channel(tmp_path: Path) -> None:
    text = "a fish\nSteps: 3, Sampler: Euler, Seed: 1, Size: 64x64"
    assert read_picture(hidden(tmp_path / "a.png", text, packed=True)).infotext == text


def test_pictures_with_nothing_hidden_say_nothing(tmp_path: Path) -> None:
    for name, side in (("a.png", 4), ("b.png", 300)):
        Image.new("RGBA", (side, side), (1, 2, 3, 0)).save(tmp_path / name)
        assert read_picture(tmp_path / name).infotext == ""


def test_swarmui_easy_diffusion_and_draw_things(tmp_path: Path) -> None:
    swarm = {"prompt": "a fish", "negativeprompt": "blur", "model": "xl/photo.safetensors", "seed": 3, "steps": 20,
             "cfgscale": 7.0, "width": 640, "height": 512, "sampler": "euler", "scheduler": "karras",
             "loras": ["ink"], "loraweights": ["0.5"]}  # fmt: skip
    easy = {"prompt": "a fish", "negative_prompt": "blur", "use_stable_diffusion_model": "photo", "seed": 3,
            "num_inference_steps": 20, "guidance_scale": 7, "width": 640, "height": 512, "sampler_name": "euler",
            "use_lora_model": "ink", "lora_alpha": "0.5"}  # fmt: skip
    things = {"c": "a fish", "uc": "blur", "model": "photo.ckpt", "seed": 3, "steps": 20, "scale": 7,
              "size": "640x512", "sampler": "Euler Ancestral",
              "lora": [{"model": "ink.ckpt", "weight": 0.5}]}  # fmt: skip
    packet = (
        "<x:xmpmeta><xmp:CreatorTool>Draw Things</xmp:CreatorTool><exif:UserComment><rdf:Alt><rdf:li>"
        f"{html.escape(json.dumps(things))}</rdf:li></rdf:Alt></exif:UserComment></x:xmpmeta>"
    )
    texts: dict[str, dict[str, str]] = {
        "SwarmUI": {"parameters": json.dumps({"sui_image_params": swarm})},
        "Easy Diffusion": {key: str(value) for key, value in easy.items()},
        "Draw Things": {"XML:com.adobe.xmp": packet},
    }
    for program, chunks in texts.items():
        text = read_picture(png(tmp_path / "a.png", chunks, international=True)).infotext
        made = request(text)
        assert (made.prompt, made.negative_prompt) == ("a fish <lora:ink:0.5>", "blur"), program
        assert (made.seed, made.steps, made.cfg_scale, made.width, made.height) == (3, 20, 7, 640, 512), program
        assert (made.model, (made.sampler_name or "").startswith("Euler")) == ("photo", True), program
        assert facts_of(text).origin == program


@pytest.mark.parametrize(
    ("version", "origin"),
    [
        ("Version: v1.10.1", "A1111"),
        ("Version: f2.0.1v1.10.1-previous-649", "Forge"),
        ("App: SD.Next, Version: 1a2b3c4", "SD.Next"),
        ("Version: Atelier 0.1.0", ""),
    ],
)
def test_programs_that_write_infotexts(tmp_path: Path, version: str, origin: str) -> None:
    text = f"größe, 魚\nSteps: 3, Sampler: Euler, Seed: 1, Size: 64x48, {version}"
    comment = b"UNICODE\x00"
    files = [
        png(tmp_path / "a.png", {"parameters": text}, international=True),
        with_exif(tmp_path / "a.jpg", 0x9286, comment + text.encode("utf-16-be"), inner=True),
        with_exif(tmp_path / "a.webp", 0x9286, comment + text.encode("utf-16-le"), inner=True),
        with_exif(tmp_path / "a.avif", 0x9286, comment + text.encode("utf-16-be"), inner=True),
        tmp_path / "a.gif",
    ]
    Image.new("P", (64, 48)).save(files[-1], comment=text.encode())
    for file in files:
        read = read_picture(file)
        assert (read.infotext, read.problem, facts_of(read.infotext).origin) == (text, "", origin), file


def test_names_of_samplers_and_schedules_are_known_here() -> None:
    names = {row.name for row in SAMPLER_NAMES}
    for name in (*COMFY_SAMPLERS, *INVOKE_SAMPLERS.values()):
        assert known_sampler(name)[0] in names, name
    euler = next(row for row in SAMPLER_NAMES if row.name == "Euler")
    for name in COMFY_SCHEDULES:
        assert BUILT_IN_NAMES.find_schedule(known_schedule(name), euler), name
    assert known_sampler("sampler of tomorrow") == ("sampler of tomorrow", None)


def deep(depth: int) -> str:
    return '{"a":' * depth + "1" + "}" * depth


HOSTILE = (
    deep(200_000),
    '{"a":' + "[" * 100_000,
    '{"seed": ' + "9" * 1_000_000 + "}",
    "{" + ",".join(f'"{n}": {{"class_type": "KSampler", "inputs": {{"positive": ["{n}", 0], "seed": 1}}}}'
                   for n in range(6000)) + "}",
    json.dumps({str(n): node("KSampler", positive=[str(n + 1), 0], negative=[str(n), 0], latent_image=[str(n), 0],
                             model=[str(n + 1), 0], seed=[str(n + 1), 0], steps=[[], 0]) for n in range(800)}),
    json.dumps({"1": node("KSampler", positive=["1", 0], negative=["1", 0], seed={"a": 1}, steps=None, model=5)}),
    json.dumps({"image": {"prompt": [None, 5, {"prompt": 7}], "steps": {}}, "model": [], "loras": [[], None, 5]}),
    '{"v4_prompt": {"caption": []}, "uc": 5, "scale": [], "prompt": null, "seed": NaN, "steps": Infinity}',
    '"' + "\\" * 5000, "{}", "[]", "{\x00}", '{"base_model": 5, "loras": [["a"], ["b", "c"]], "resolution": "(1,"}',
)  # fmt: skip


@pytest.mark.parametrize("place", range(len(HOSTILE)))
def test_hostile_texts_do_no_harm(place: int) -> None:
    began = time.process_time()
    for key in ("parameters", "prompt", "workflow", "invokeai_metadata", "sd-metadata", "Dream", "Comment", "xmp"):
        text = infotext_of({key: HOSTILE[place], "Software": "NovelAI"})
        request_of(parse_infotext(text))
    assert time.process_time() - began < 10


def test_what_is_no_object_is_none() -> None:
    assert object_of(deep(99)) and not object_of(deep(100_000))
    assert not object_of("[1]") and not object_of('{"a": 1') and not object_of("")
