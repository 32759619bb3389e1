"""Trainer of the demo model: draws a small world, learns it, measures what was learnt, writes a diffusers folder."""
