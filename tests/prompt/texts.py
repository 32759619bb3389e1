"""Random prompts: any text, texts of the language's own characters, and texts that are well formed."""

from __future__ import annotations

from hypothesis import strategies as st

ANY = st.text(max_size=80)
MARKS = st.text(st.sampled_from("()[]:|\\ab1. \n#<>=-{}"), max_size=60)
_PIECES = (
    "( ) [ ] : | \\ \\( \\] a b 3 .5 1.5 -2 1e9 1e999 2. :1.3) :3] [a:b:3] [x|y] (q:2) BREAK AND <lora:a:1> <lora: > #"
).split(" ")
PIECES = st.lists(st.sampled_from([*_PIECES, " ", "\n", "\\\n"]), max_size=20).map("".join)
_PLAIN = st.sampled_from(["", "a", "b c", " ", "d, e", "\\(f\\)", "\\|", "(g:1.2)", "é🦊"])
_WHEN = st.sampled_from(["3", ".5", " 7 ", "1.5", "-2", "0", "+4", "1e1", "2."])
WELL_FORMED = st.recursive(
    _PLAIN,
    lambda inner: st.one_of(
        st.lists(inner, max_size=3).map("".join),
        st.tuples(inner, inner, _WHEN).map(lambda of: f"[{of[0]}:{of[1]}:{of[2]}]"),
        st.tuples(inner, _WHEN).map(lambda of: f"[{of[0]}:{of[1]}]"),
        st.lists(inner, min_size=2, max_size=3).map(lambda options: f"[{'|'.join(options)}]"),
        inner.map(lambda text: f"({text})"),
        inner.map(lambda text: f"[{text}]"),
        inner.map(lambda text: f"({text}:1.3)"),
    ),
    max_leaves=10,
)
DAMAGED = st.tuples(WELL_FORMED, st.integers(0, 200), st.sampled_from("()[]:|\\")).map(
    lambda of: of[0][: of[1]] + of[2] + of[0][of[1] :]
)
KINDS = {"any": ANY, "marks": MARKS, "pieces": PIECES, "well formed": WELL_FORMED, "damaged": DAMAGED}
MIXED = st.one_of(*KINDS.values())
