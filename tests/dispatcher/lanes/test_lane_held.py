"""A subscription holds each sequence once and counts its bytes."""

from nats.aio.client import Client
from nats.aio.msg import Msg

from jethook_dispatcher.core.lane_reply import Handed
from jethook_dispatcher.shell.lane_grant import Grant
from jethook_dispatcher.shell.lane_held import ByteBudget, Held, Holding


class Always:
    def may_start(self, shard: int) -> bool:
        return shard == 7

    def holds(self, shard: int) -> bool:
        return shard == 7


def held(sequence: int, *, size: int = 10) -> Held:
    message = Msg(Client(), data=b"x" * size)
    return Held(message, handed=Handed(sequence, 1, 0), grant=Grant(Always(), shard=7), now=0.0)


def test_a_sequence_in_hand_is_ignored_when_it_comes_again() -> None:
    budget = ByteBudget(100)
    holding = Holding(budget)
    first = held(1)
    assert holding.add(first)
    assert not holding.add(held(1))
    assert (len(holding), budget.used, budget.room) == (1, 10, 90)
    holding.drop(first)
    assert (len(holding), budget.used) == (0, 0)
    assert holding.add(held(1))


def test_dropping_a_former_copy_leaves_the_present_one() -> None:
    holding = Holding(ByteBudget(100))
    former, present = held(1), held(1)
    holding.add(former)
    holding.drop(former)
    holding.add(present)
    holding.drop(former)
    assert list(holding) == [present]


def test_an_ended_grant_allows_nothing_though_the_shard_is_owned() -> None:
    grant = Grant(Always(), shard=7)
    assert (grant.may_start(), grant.holds()) == (True, True)
    grant.end()
    assert (grant.may_start(), grant.holds()) == (False, False)


def test_what_has_begun_is_counted_until_it_is_dropped() -> None:
    holding = Holding(ByteBudget(100))
    first, second = held(1), held(2)
    holding.add(first)
    holding.add(second)
    first.started = True
    assert holding.started == 1
    holding.drop(first)
    assert holding.started == 0
