"""Model families that are known by the marks of their networks, and cannot be run yet.

The marks are names in the files that their makers published.
"""

from __future__ import annotations

from modules.checkpoints.tensor_names import begins, has, has_one, side
from modules.checkpoints.weights_kinds import refused

OTHER_FAMILIES = (
    refused("Flux 3", has("early_stream_modulations.image.lin.weight")),
    refused("Flux 2", has_one("single_stream_modulation.lin.weight", "single_stream_modulation.linear.weight")),
    refused("Chroma", has("distilled_guidance_layer.in_proj.bias")),
    refused("Hunyuan Video", has_one("txt_in.individual_token_refiner.blocks.0.adaLN_modulation.1.bias")),
    refused("Flux", has_one("double_blocks.0.img_attn.norm.key_norm.scale", "double_blocks.0.img_attn.qkv.weight")),
    refused("Flux", has("single_transformer_blocks.0.proj_mlp.weight", "context_embedder.weight")),
    refused("Stable Diffusion 3.5", has_one("joint_blocks.37.x_block.mlp.fc1.weight")),
    refused("Stable Diffusion 3.5", has_one("joint_blocks.0.x_block.attn2.qkv.weight")),
    refused("Stable Diffusion 3", has_one("joint_blocks.0.context_block.adaLN_modulation.1.bias")),
    refused("Stable Diffusion 3", has("transformer_blocks.0.norm1_context.linear.weight", "pos_embed.proj.weight")),
    refused(
        "AuraFlow", has_one("double_layers.0.attn.w1q.weight", "joint_transformer_blocks.0.attn.add_k_proj.weight")
    ),
    refused("LTX-Video 2", has("av_ca_a2v_gate_adaln_single.emb.timestep_embedder.linear_1.weight")),
    refused("LTX-Video", has_one("patchify_proj.weight", "vae.decoder.last_scale_shift_table")),
    refused("Hunyuan-DiT", has_one("mlp_t5.0.weight", "extra_embedder.0.weight")),
    refused("PixArt", has("t_block.1.weight", "y_embedder.y_proj.fc1.weight")),
    refused("PixArt", has("adaln_single.linear.weight", "pos_embed.proj.weight")),
    refused("Qwen-Image", has_one("transformer_blocks.0.img_mod.1.weight", "txt_in.text_norm.weight")),
    refused("Z-Image", has_one("layers.0.adaLN_modulation.0.weight", "all_x_embedder.2-1.weight")),
    refused("Lumina", has_one("cap_embedder.0.weight", "time_caption_embed.caption_embedder.0.weight")),
    refused("Wan", has_one("head.modulation", "condition_embedder.time_proj.weight")),
    refused("Sana", has_one("blocks.0.cross_attn.q_linear.weight", "caption_projection.linear_1.weight")),
    refused("HiDream", has_one("double_stream_blocks.0.block.adaLN_modulation.1.bias")),
    refused("Cosmos", has_one("x_embedder.proj.1.weight", "extra_pos_embedder.pos_emb_h")),
    refused("Mochi", has("blocks.0.attn.qkv_x.weight")),
    refused("Krea 2", has("txtfusion.projector.weight")),
    refused("CogVideoX", has("patch_embed.text_proj.weight")),
    refused("Stable Cascade", has_one("clip_txt_mapper.weight", "down_blocks.1.0.channelwise.0.weight")),
    refused("Kandinsky", has_one("add_embedding.image_proj.weight", "encoder_hid_proj.image_embeds.weight")),
    refused("Kandinsky", has_one("visual_transformer_blocks.0.self_attention.to_query.weight")),
    refused(
        "DeepFloyd IF", has_one("add_embedding.pool.positional_embedding", "encoder_pooling.1.positional_embedding")
    ),
    refused("Stable Video Diffusion", has("input_blocks.1.0.time_stack.emb_layers.1.bias")),
    refused("AnimateDiff's motion module", begins("motion_modules")),
    refused(
        "AnimateDiff's motion module",
        has("down_blocks.0.motion_modules.0.temporal_transformer.norm.weight"),
    ),
    refused("Playground v2.5", has("edm_mean", "edm_std")),
    refused("CosXL", has("edm_vpred.sigma_max")),
    refused("Stable Diffusion 2 unCLIP", begins("noise_augmentor", "embedder.model")),
    refused("Stable Diffusion 2 depth2img", begins("depth_model")),
    refused("AltDiffusion", begins("cond_stage_model.roberta")),
    refused(
        "A model that was distilled to take the guidance as an input",
        has_one(
            "time_embed.cond_proj.weight", "time_embedding.cond_proj.weight", "unet.time_embedding.cond_proj.weight"
        ),
    ),
    refused("Zero123", begins("cc_projection")),
    refused("Stable Diffusion's latent upscaler", side("input_blocks.0.0.weight", 1, 7)),
)
"""Whole models or their networks, in the order in which they are tried: the first that fits counts."""
