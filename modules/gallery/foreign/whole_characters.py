"""Texts of strangers, as a database and a page can hold them."""

from __future__ import annotations


def whole_characters(text: str) -> str:
    """The text with halves of characters joined where two belong together, and a sign in the place of a lone one.

    JSON can say such a half, and no database can store it.
    """
    return text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")
