"""Tensors: noise, schedules, samplers, denoisers, guidance, text encoding, previews, attention.

The room knows neither settings nor files nor requests. Shapes: latents are (batch, channels, height / 8, width / 8).
"""
