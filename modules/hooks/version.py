"""The version of what extensions are written against."""

from __future__ import annotations

VERSION = 1
"""Grows when a name in `modules.hooks` goes or means something else; new ones and new arguments change nothing."""
