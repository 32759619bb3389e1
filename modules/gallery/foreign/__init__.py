"""Parameters that other programs write into pictures, put into infotexts of ours.

One file for each program says what its texts look like. What a program knows and an infotext of ours has no key for
goes in under a key of its own, so that whoever reads the infotext is told what cannot be honoured.
"""
