"""The trainer of the upscaler that ships with the program (docs/upscaling.md)."""
