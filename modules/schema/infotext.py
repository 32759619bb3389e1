"""Infotext: the parameters of a picture as A1111 writes them into the file, and back.

`write_infotext` and `request_of` are each other's inverse: request -> infotext -> request is the identity for every
field that changes the picture. The form is explained in infotext_form, the keys in infotext_keys.
"""

from __future__ import annotations

from modules.schema.infotext_form import Infotext, parse_infotext, write_parameters
from modules.schema.infotext_reading import NotHonoured, Reading, request_of
from modules.schema.infotext_writing import VERSION, write_infotext

__all__ = [
    "VERSION",
    "Infotext",
    "NotHonoured",
    "Reading",
    "parse_infotext",
    "request_of",
    "write_infotext",
    "write_parameters",
]
