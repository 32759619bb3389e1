"""Networks that grow say at first what they said before."""

from __future__ import annotations

from pathlib import Path

import torch

from tests.tiny_models import DEMO_MODEL
from tools.demo_model.captions import synonyms
from tools.demo_model.networks import grown_text_encoder, new_text_encoder
from tools.demo_model.tokenizer import load_tokenizer


def test_a_text_encoder_with_more_layers_says_the_same(tmp_path: Path) -> None:
    tokenizer = load_tokenizer(DEMO_MODEL / "tokenizer")
    torch.manual_seed(1)
    small = new_text_encoder(tokenizer, layers=1, width=32)
    small.save_pretrained(tmp_path)
    grown = grown_text_encoder(tmp_path, tokenizer, synonyms(), layers=3)
    ids = torch.randint(0, len(tokenizer), (4, 77))
    assert grown.config.num_hidden_layers == 3
    assert torch.equal(small.eval()(ids).last_hidden_state, grown.eval()(ids).last_hidden_state)
    grown.encoder.layers[2](torch.randn(1, 77, 32), None).sum().backward()
    assert all(layer.self_attn.out_proj.weight.grad.abs().sum() > 0 for layer in grown.encoder.layers[2:])
