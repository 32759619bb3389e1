"""The prompt language: how long texts of 64 KiB take, whether time grows with length alone, and an ordinary prompt.

python -m tools.bench.prompt [--rounds 5]
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable, Sequence

from modules.prompt.brackets import prompt_problem
from modules.prompt.comments import strip_comments
from modules.prompt.composition import composed_parts
from modules.prompt.emphasis import weighted_pieces
from modules.prompt.extra_networks import take_extra_networks
from modules.prompt.novelai import from_novelai
from modules.prompt.parsing import parse
from modules.prompt.schedule import prompt_schedule

KIB = 1024
STEPS = 20

READERS: dict[str, Callable[[str], object]] = {
    "parse": parse,
    "schedule": lambda text: prompt_schedule(text, STEPS),
    "emphasis": weighted_pieces,
    "composition": composed_parts,
    "extra networks": take_extra_networks,
    "comments": strip_comments,
    "problems": prompt_problem,
    "NovelAI": from_novelai,
}

# What is repeated to make a text that a careless reader takes long for.
REPEATED = (
    "(", ")", "[", "]", ":", "|", "\\", "\\(", " ", "\n", "a", "1", '"', "#", "<", "{", "é",
    "(a", "[a", "([", ")]", "[a:", "[a|", "a(b)", "(a:1.1), ", "((a)", "(a[b)c]", "[a:b:3]", "[a|b]", "[[a]:3]", "[:)",
    ": 1", ":1.1)", ":  ", "<a:", "<lora:a:1>", "# ", "\n#a", "BREAK ", " BREAK", "AND ", "1.5::", "{[",
)  # fmt: skip


def nested(size: int) -> dict[str, str]:
    """Texts of about `size` characters that are nested as deep as they can be, or hold one very long word."""
    return {
        "(((a)))": "(" * (size // 2) + "a" + ")" * (size // 2),
        "[[[a]]]": "[" * (size // 2) + "a" + "]" * (size // 2),
        "(a(a(a)))": "(a" * (size // 3) + ")" * (size // 3),
        "([([a])])": "([" * (size // 4) + "a" + "])" * (size // 4),
        "[[a:3]:3]": "[" * (size // 4) + "a" + ":3]" * (size // 4),
        "[a:[a:3]:3]": "[a:" * (size // 6) + ":3]" * (size // 6),
        "[a|[a|]]": "[a|" * (size // 4) + "]" * (size // 4),
        "[[[a|b]|b]": "[" * (size // 4) + "a" + "|b]" * (size // 4),
        "[a:    ]": "[a:" + " " * size + "]",
        "(a:    ": "(a:" + " " * size,
        "(a:1111)": "(a:" + "1" * size + ")",
        "[a:1111x]": "[a:" + "1" * size + "x]",
        "a:1111x": "a:" + "1" * size + "x",
        "BREAK a    b": "BREAK a" + " " * size + "b",
        "a AND    :1": "a AND" + " " * size + ":1" + " " * 8 + "x",
        "a:1.1e1111": "[a:1.1e" + "1" * size + "]",
    }


def nasty_texts(size: int) -> dict[str, str]:
    """Texts of about `size` characters, each by the pattern that it repeats."""
    repeated = {repr(piece): piece * (size // len(piece)) for piece in REPEATED}
    return {**repeated, **nested(size)}


ORDINARY = ", ".join(
    [
        "masterpiece, (best quality:1.2), a [castle:lighthouse:0.4] by the sea at [dusk|dawn], ((volumetric light))",
        "a boat with [white:red:8] sails, [fog::0.25], rocks \\(wet\\), (gulls:0.8), [[film grain]], detailed waves",
        "BREAK a keeper in a coat, holding a (lantern:1.3), looking at [the storm:the horizon:0.7], long shadows",
    ]
    * 4
)
"""About 300 tokens of an encoder, with twelve scheduled places and three alternations."""


def seconds(read: Callable[[str], object], texts: Sequence[str], rounds: int) -> list[float]:
    """The shortest of some rounds for each text, in seconds of this process; the texts take turns."""
    shortest = [float("inf")] * len(texts)
    for _ in range(rounds):
        for place, text in enumerate(texts):
            started = time.process_time()
            read(text)
            shortest[place] = min(shortest[place], time.process_time() - started)
    return shortest


def main() -> None:
    """Print the worst text for every reader, and the time of an ordinary prompt."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=5)
    rounds = parser.parse_args().rounds
    texts, halves = nasty_texts(64 * KIB), nasty_texts(32 * KIB)
    print(f"{len(texts)} texts of 64 KiB, shortest of {rounds} rounds; schedules of {STEPS} steps")
    for name, read in READERS.items():
        times: dict[str, float] = {}
        growth: dict[str, float] = {}
        for pattern, text in texts.items():
            times[pattern], half = seconds(read, (text, halves[pattern]), rounds)
            # Times too short for the clock say nothing about growth.
            if times[pattern] > 2e-3:
                growth[pattern] = times[pattern] / half
        worst = max(times, key=times.__getitem__)
        steepest = max(growth, key=growth.__getitem__, default="")
        print(
            f"{name:<15} worst {1e3 * times[worst]:6.1f} ms {worst:<12}"
            f" time(2n)/time(n) at most {growth.get(steepest, 0):.2f} {steepest}"
        )
    print(f"an ordinary prompt of {len(ORDINARY)} characters")
    for name, read in READERS.items():
        print(f"{name:<15} {1e3 * seconds(read, [ORDINARY], 20 * rounds)[0]:6.2f} ms")


if __name__ == "__main__":
    main()
