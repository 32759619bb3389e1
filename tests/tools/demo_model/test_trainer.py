"""Training can be cut at any step: a resumed training ends with the weights of one that was never cut."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest
import torch
from torch import nn

from tools.demo_model.checkpoint import read_state, write_state
from tools.demo_model.crew import Crew
from tools.demo_model.trainer import STATE_FILE, Course, Trainer, averaged_weights, learning_rate, put_weights


def course(run: Path, steps: int) -> Course:
    return Course(
        run=run,
        steps=steps,
        batch=8,
        piece=4,
        rate=0.05,
        warmup=2,
        cooldown=0.0,
        ema=0.9,
        save_seconds=1e9,
        minutes=1e9,
    )


def follow(run: Path, steps: int) -> nn.Linear:
    torch.manual_seed(0)
    line = nn.Linear(3, 2)

    def learn(step: int, piece: int) -> float:
        generator = torch.Generator().manual_seed(100 * step + piece)
        inputs = torch.randn(4, 3, generator=generator)
        loss = (line(inputs) - inputs[:, :2]).pow(2).mean() / 2
        loss.backward()
        return float(loss.detach())

    Trainer(course(run, steps), dict(line.named_parameters())).follow(Crew(), learn)
    return line


def test_a_cut_training_goes_on_as_if_it_had_not_been_cut(tmp_path: Path) -> None:
    whole = follow(tmp_path / "whole", 9)
    follow(tmp_path / "cut", 4)
    cut = follow(tmp_path / "cut", 9)
    assert torch.equal(whole.weight, cut.weight)
    first, facts = averaged_weights(tmp_path / "whole")
    second, _ = averaged_weights(tmp_path / "cut")
    assert facts["step"] == 9
    assert all(torch.equal(first[name], second[name]) for name in first)


def test_it_learns_and_the_average_is_put_into_networks(tmp_path: Path) -> None:
    follow(tmp_path, 200)
    averaged, _ = averaged_weights(tmp_path)
    line = nn.Linear(3, 2)
    put_weights(dict(line.named_parameters()), averaged)
    assert torch.allclose(line.weight, torch.eye(2, 3), atol=0.05)


def test_a_state_is_whole_or_not_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / STATE_FILE
    write_state(path, {"a": torch.ones(2)}, {"step": 1})

    def die(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(Path, "replace", die)
    with pytest.raises(KeyboardInterrupt):
        write_state(path, {"a": torch.zeros(2)}, {"step": 2})
    tensors, facts = read_state(path)
    assert facts == {"step": 1}
    assert torch.equal(tensors["a"], torch.ones(2))


def test_the_rate_warms_up_and_cools_down() -> None:
    plan = Course(
        run=Path(), steps=100, batch=8, piece=4, rate=1.0, warmup=10, cooldown=0.5, ema=0.9, save_seconds=1, minutes=1
    )
    rates = [learning_rate(plan, step) for step in (0, 4, 9, 49, 75, 100)]
    assert rates == pytest.approx([0.1, 0.5, 1.0, 1.0, 0.5, 0.0])


class Counters:
    """What a TCPStore does for a crew, in memory."""

    def __init__(self) -> None:
        self.values: dict[str, int] = {}
        self.lock = threading.Lock()

    def add(self, key: str, amount: int) -> int:
        with self.lock:
            self.values[key] = self.values.get(key, 0) + amount
            return self.values[key]

    def delete_key(self, key: str) -> bool:
        return self.values.pop(key, None) is not None


def test_a_crew_does_every_piece_once() -> None:
    counters = Counters()
    crew = [Crew(rank, 3, counters) for rank in range(3)]
    done: list[int] = []
    workers = [threading.Thread(target=lambda one=one: done.extend(one.claim(5, 20))) for one in crew]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert sorted(done) == list(range(20))
    crew[0].forget(5)
    assert counters.values == {}
