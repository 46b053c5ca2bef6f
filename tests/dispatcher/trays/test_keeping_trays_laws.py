"""What holds for the ordered and the merge tray whatever happens, in whatever order (hypothesis)."""

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, consumes, invariant, rule

from jethook_contract.plan import PlanPart
from jethook_dispatcher.core.tray import Item, Parcel, make_tray
from tests.dispatcher.trays.trays import ORDERED, fail, item, merge_part

KEYS = st.sampled_from("abcd")
WINDOW_SECONDS = 10


class KeepingTray(RuleBasedStateMachine):
    """Drive a tray that keeps what failed beside the simplest model of it."""

    part: PlanPart
    attempts = Bundle("attempts")

    def __init__(self) -> None:
        super().__init__()
        self.tray = make_tray(self.part)
        self.now = 0.0
        self.waiting: dict[int, Item] = {}
        self.not_before: dict[int, float] = {}
        self.trying: dict[str, Parcel] = {}
        self.added_at: dict[int, float] = {}
        self.into = 0
        self.out: list[int] = []
        self.unused = [*range(40, 20, -1), *range(41, 400), *range(20)]

    @rule(key=KEYS, attempts=st.sampled_from([0, 0, 0, 1]), size=st.integers(0, 10))
    def add(self, key: str, attempts: int, size: int) -> None:
        sequence = self.unused.pop(0)
        one = item(sequence, key, attempts=attempts, size=size)
        self.waiting[sequence], self.added_at[sequence] = one, self.now
        self.into += 1
        self.tray.add(one, now=self.now)

    @rule(seconds=st.sampled_from([0.0, 0.5, 3.0, 10.0, 30.0]))
    def pass_time(self, seconds: float) -> None:
        self.now += seconds

    @rule(target=attempts)
    def take(self) -> Parcel | None:
        parcel = self.tray.take(now=self.now)
        if parcel is None:
            assert not self.ready_keys()
            return None
        key = parcel.items[0].key
        assert key in self.ready_keys()
        assert {one.key for one in parcel.items} == {key}
        self.check_content(key, parcel)
        self.trying[key] = parcel
        for one in parcel.items:
            assert self.waiting.pop(one.sequence) is one
        return parcel

    @rule(parcel=consumes(attempts))
    def finish(self, parcel: Parcel | None) -> None:
        if parcel is not None:
            self.tray.finish(parcel)
            self.out += [one.sequence for one in parcel.items]
            del self.trying[parcel.items[0].key]

    @rule(parcel=consumes(attempts), delay=st.sampled_from([0.0, 1.0, 60.0]))
    def put_back(self, parcel: Parcel | None, delay: float) -> None:
        if parcel is not None:
            fail(self.tray, parcel, at=self.now + delay, now=self.now)
            for one in parcel.items:
                self.waiting[one.sequence] = one
                self.not_before[one.sequence] = self.now + delay
            del self.trying[parcel.items[0].key]

    @rule()
    def drain(self) -> None:
        drained = [one.sequence for one in self.tray.drain()]
        assert drained == sorted(self.waiting)
        self.out += drained
        self.waiting.clear()

    @rule()
    def nothing_is_ready_before_next_at_and_something_is_then(self) -> None:
        if self.ready_keys():
            return
        due = self.tray.next_at(now=self.now)
        assert due == min(self.dues().values(), default=None)

    @invariant()
    def counts_agree_and_nothing_is_lost_or_doubled(self) -> None:
        assert self.tray.waiting == len(self.waiting)
        trying = sum(len(parcel.items) for parcel in self.trying.values())
        assert len(self.out) + len(self.waiting) + trying == self.into
        assert len(set(self.out)) == len(self.out)

    def ready_keys(self) -> set[str]:
        return {key for key, due in self.dues().items() if due <= self.now}

    def dues(self) -> dict[str, float]:
        """Give, for each key that is in no attempt, when its next parcel is due."""
        raise NotImplementedError

    def check_content(self, key: str, parcel: Parcel) -> None:
        raise NotImplementedError

    def of_key(self, key: str) -> list[int]:
        return sorted(sequence for sequence, one in self.waiting.items() if one.key == key)


class Ordered(KeepingTray):
    part = ORDERED

    def dues(self) -> dict[str, float]:
        keys = {one.key for one in self.waiting.values()} - set(self.trying)
        return {key: self.not_before.get(self.of_key(key)[0], 0.0) for key in keys}

    def check_content(self, key: str, parcel: Parcel) -> None:
        assert [one.sequence for one in parcel.items] == self.of_key(key)[:1], "the smallest outstanding, alone"

    @rule(key=KEYS)
    def skip(self, key: str) -> None:
        heads = self.of_key(key)[:1] if key not in self.trying else []
        parked = heads if heads and self.waiting[heads[0]].attempts else []
        skipped = self.tray.skip(key)
        assert ([] if skipped is None else [skipped.sequence]) == parked
        if skipped is not None:
            del self.waiting[skipped.sequence]
            self.out.append(skipped.sequence)

    @invariant()
    def parked_keys_are_those_whose_head_has_failed(self) -> None:
        keys = {one.key for one in self.waiting.values()} - set(self.trying)
        heads = {key: self.of_key(key)[0] for key in keys}
        failed = {key: head for key, head in heads.items() if self.waiting[head].attempts}
        assert {one.key: one.item.sequence for one in self.tray.parked()} == failed
        assert self.tray.parked_count == len(failed)
        assert self.tray._failed == len(failed) + sum(p.items[0].attempts > 0 for p in self.trying.values())


class Merged(KeepingTray):
    part = merge_part("Latest", window_seconds=WINDOW_SECONDS)

    def __init__(self) -> None:
        super().__init__()
        self.windows: dict[str, list[list[int]]] = {}

    def add(self, key: str, attempts: int, size: int) -> None:
        sequence = self.unused[0]
        windows = self.windows.setdefault(key, [])
        tried = self.trying.get(key)
        closed = (
            not windows
            or self.now >= self.added_at[windows[-1][0]] + WINDOW_SECONDS
            or windows[-1][0] in self.not_before
            or (tried is not None and tried.items[-1].sequence in windows[-1])
        )
        if closed:
            windows.append([])
        windows[-1].append(sequence)
        super().add(key, attempts, size)

    add = rule(key=KEYS, attempts=st.sampled_from([0, 0, 0, 1]), size=st.integers(0, 10))(add)

    def dues(self) -> dict[str, float]:
        keys = {one.key for one in self.waiting.values()} - set(self.trying)
        firsts = {key: self.windows[key][0][0] for key in keys}
        return {key: self.not_before.get(first, self.added_at[first] + WINDOW_SECONDS) for key, first in firsts.items()}

    def check_content(self, key: str, parcel: Parcel) -> None:
        assert [one.sequence for one in parcel.items] == sorted(self.windows[key][0]), "one whole window, the oldest"
        assert parcel.sent == parcel.items[-1:]

    @rule(parcel=consumes(KeepingTray.attempts))
    def finish(self, parcel: Parcel | None) -> None:
        if parcel is not None:
            self.windows[parcel.items[0].key].pop(0)
        self.tray_finish(parcel)

    def tray_finish(self, parcel: Parcel | None) -> None:
        if parcel is not None:
            self.tray.finish(parcel)
            self.out += [one.sequence for one in parcel.items]
            del self.trying[parcel.items[0].key]

    @rule()
    def drain(self) -> None:
        drained = [one.sequence for one in self.tray.drain()]
        assert drained == sorted(self.waiting)
        self.out += drained
        self.waiting.clear()
        self.windows = {key: self.windows[key][:1] for key in self.trying}


@pytest.mark.parametrize("machine", [Ordered, Merged])
def test_the_laws_hold(machine: type[KeepingTray]) -> None:
    case = machine.TestCase
    case.settings = settings(max_examples=60, stateful_step_count=60, deadline=None)
    case("runTest").runTest()
