"""Reversible changes to a loaded model: the LoRA family, and textual inversion."""
