"""Who is next: nobody waits longer than the bounds say, whatever models the workers hold."""

from __future__ import annotations

from collections import Counter

from hypothesis import given
from hypothesis import strategies as st

from modules.jobs.order import PASSES, PlannedWorker, ReadyJobs, UserTurn, WaitingJob, planned

_MODELS = ("a", "b", "c", "")
_jobs = st.lists(st.tuples(st.sampled_from("uvwxy"), st.sampled_from(_MODELS)), min_size=1, max_size=60)


def job(number: int, user: str = "", model: str = "", *, priority: int = 0, work: float = 1.0) -> WaitingJob:
    """A waiting job; the number is its place and its id too."""
    return WaitingJob(number, str(number), user, priority, number, "txt2img", model, work, 0)


def _seconds(waiting: WaitingJob) -> float:
    return waiting.work


_held = st.sets(st.sampled_from("abc"))


@given(_jobs, st.one_of(_held.map(lambda held: [held]), st.lists(_held, min_size=1, max_size=9)))
def test_nobody_waits_longer_than_the_bounds(given_jobs: list[tuple[str, str]], held: list[set[str]]) -> None:
    jobs = [job(number, user, model) for number, (user, model) in enumerate(given_jobs)]
    left = {user: [one for one in jobs if one.user == user] for user, _ in given_jobs}
    others_bound = len(left) - 1 + PASSES
    waits: Counter[str] = Counter()
    overtaken: Counter[int] = Counter()
    ready = ReadyJobs(jobs, {})
    for turn in range(len(jobs)):
        taken = ready.take(held[turn % len(held)])
        first = left[taken.user][0]
        overtaken[first.number] += taken is not first
        assert overtaken[first.number] <= PASSES
        left[taken.user].remove(taken)
        waits[taken.user] = 0
        waits.update(user for user, own in left.items() if own and user != taken.user)
        assert all(waits[user] <= others_bound for user, own in left.items() if own)
    assert not ready.lines
    assert not any(left.values())


@given(_jobs)
def test_without_held_models_users_alternate_and_keep_their_own_order(given_jobs: list[tuple[str, str]]) -> None:
    jobs = [job(number, user, model) for number, (user, model) in enumerate(given_jobs)]
    ready = ReadyJobs(jobs, {})
    taken = [ready.take(()) for _ in jobs]
    rounds: Counter[str] = Counter()
    round_of = []
    for one in taken:
        rounds[one.user] += 1
        round_of.append(rounds[one.user])
    assert round_of == sorted(round_of)
    for user in rounds:
        own = [one.number for one in taken if one.user == user]
        assert own == sorted(own)


def test_jobs_of_one_model_are_taken_together() -> None:
    jobs = [job(number, "u", "ab"[number % 2]) for number in range(60)]
    order = [one.model for one, _ in planned(jobs, {}, [PlannedWorker()], _seconds)]
    switches = sum(before != after for before, after in zip(order, order[1:], strict=False))
    assert switches <= 60 / (PASSES + 1) + 1


def test_a_user_who_has_the_model_goes_first_a_few_times_only() -> None:
    early = [job(number, "early", "other") for number in range(2)]
    ready = ReadyJobs([*early, *(job(number, "late", "held") for number in range(2, 20))], {"late": UserTurn(1)})
    users = [ready.take({"held"}).user for _ in range(2 * PASSES + 3)]
    assert users == ["late"] * PASSES + ["early"] + ["late"] * (PASSES + 1) + ["early"]


def test_the_first_of_a_user_is_passed_over_a_few_times_only() -> None:
    ready = ReadyJobs([job(0, "u", "other"), *(job(number, "u", "held") for number in range(1, 20))], {})
    numbers = [ready.take({"held"}).number for _ in range(PASSES + 2)]
    assert numbers == [*range(1, PASSES + 1), 0, PASSES + 1]


def test_what_needs_no_model_is_not_passed_over() -> None:
    ready = ReadyJobs([job(0, "u", ""), job(1, "u", "held")], {})
    assert ready.take({"held"}).number == 0


def test_priority_is_above_turns_and_models() -> None:
    jobs = [job(0, "u", "held"), job(1, "v", "other", priority=1), job(2, "v", "other", priority=2)]
    workers = [PlannedWorker(held=("held",))]
    assert [one.number for one, _ in planned(jobs, {"v": UserTurn(9)}, workers, _seconds)] == [2, 1, 0]


def test_turns_are_kept_from_one_priority_to_the_next() -> None:
    jobs = [job(0, "u"), job(1, "v"), job(2, "u", priority=1)]
    assert [one.number for one, _ in planned(jobs, {}, [PlannedWorker()], _seconds)] == [2, 1, 0]


@given(st.lists(st.floats(0.1, 50), min_size=1, max_size=20), st.integers(1, 4))
def test_no_worker_rests_while_a_job_waits(work: list[float], workers: int) -> None:
    ends = [
        end
        for _, end in planned(
            [job(number, work=seconds) for number, seconds in enumerate(work)],
            {},
            [PlannedWorker() for _ in range(workers)],
            _seconds,
        )
    ]
    free = [0.0] * workers
    for seconds, end in zip(work, ends, strict=True):
        free.sort()
        free[0] += seconds
        assert end == free[0]


def test_after_a_job_of_unknown_length_no_time_is_told() -> None:
    def seconds(waiting: WaitingJob) -> float | None:
        return None if waiting.number == 1 else 5.0

    plan = planned([job(number) for number in range(3)], {}, [PlannedWorker(free_in=2.0)], seconds)
    assert [end for _, end in plan] == [7.0, None, None]
    plan = planned([job(0)], {}, [PlannedWorker(known=False)], seconds)
    assert [end for _, end in plan] == [None]
