"""Benchmarks. Every figure is a median, every comparison a ratio of two things timed in turn in one run."""
