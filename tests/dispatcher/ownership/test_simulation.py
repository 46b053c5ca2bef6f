"""The rules of ownership hold whatever clocks, networks and processes do: never two owners, and in the end one."""

from __future__ import annotations

from random import Random

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from jethook_dispatcher.core.ownership_state import Phase, Timings
from tests.dispatcher.ownership.simulation import Network, Simulation, TwoOwnersError, seeded, slowed

SHARDS = 8
FAULTS = ("outage", "partition", "heal", "slow", "stop", "wake", "crash", "replace", "grow", "leave")
MOST_MEMBERS = 6

Script = list[tuple[str, int, float]]
scripts = st.lists(
    st.tuples(st.sampled_from(FAULTS), st.integers(0, MOST_MEMBERS), st.floats(0.1, 20, allow_nan=False)),
    min_size=3,
    max_size=14,
)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(script=scripts, seed=st.integers(0, 2**32))
def test_never_two_owners_and_in_the_end_one(script: Script, seed: int) -> None:
    simulation = Simulation(members=2, shards=SHARDS, timings=Timings(), random=seeded(seed))
    play(simulation, script, random=seeded(seed))
    simulation.calm()
    if all(member.ended or member.state.phase in (Phase.LEAVING, Phase.LEFT) for member in simulation.members):
        simulation.start("last")
    simulation.advance(60)
    assert simulation.owned() == list(range(SHARDS))


@pytest.mark.parametrize(
    "broken",
    [
        pytest.param(Timings(valid_seconds=18), id="validity-18s"),
        pytest.param(Timings(dead_seconds=2, settle_seconds=0), id="dead-after-2s"),
    ],
)
def test_simulation_notices_a_lease_that_outlives_its_fence(broken: Timings) -> None:
    script: Script = [("heal", 0, 20), ("partition", 0, 20), ("heal", 0, 20)]
    with pytest.raises(TwoOwnersError):
        play(Simulation(members=2, shards=SHARDS, timings=broken, random=seeded(1)), script, random=seeded(1))
    play(Simulation(members=2, shards=SHARDS, timings=Timings(), random=seeded(1)), script, random=seeded(1))


def test_a_process_stopped_for_20_s_owns_nothing_when_it_wakes() -> None:
    simulation = Simulation(members=2, shards=SHARDS, timings=Timings(), random=seeded(3))
    simulation.advance(10)
    stopped, other = simulation.members
    believed = set(stopped.state.holdings)
    assert believed
    stopped.running = False
    simulation.advance(20)
    assert set(stopped.state.holdings) == believed
    assert len(other.state.holdings) == SHARDS
    assert not any(stopped.state.may_start(shard, now=stopped.clock(simulation.now)) for shard in believed)
    simulation.resume(stopped)
    simulation.advance(0.5)
    assert not stopped.state.holdings
    simulation.advance(15)
    assert set(stopped.state.holdings) == believed


def test_a_new_process_under_the_name_of_a_stopped_one_waits_until_that_one_cannot_be_valid() -> None:
    simulation = Simulation(members=1, shards=SHARDS, timings=Timings(), random=seeded(4), skew=0)
    simulation.advance(10)
    simulation.members[0].running = False
    simulation.start("m0")
    simulation.advance(9)
    assert simulation.members[1].state.phase is Phase.JOINING
    simulation.advance(8)
    assert len(simulation.members[1].state.holdings) == SHARDS
    simulation.resume(simulation.members[0])
    simulation.advance(30)
    assert simulation.members[0].state.phase is Phase.JOINING


def test_an_outage_shorter_than_the_validity_moves_nothing() -> None:
    simulation = Simulation(members=2, shards=SHARDS, timings=Timings(), random=seeded(5), skew=0)
    simulation.advance(10)
    before = [(member.state.nonce, set(member.state.holdings)) for member in simulation.members]
    play(simulation, [("outage", 0, 4.5)], random=seeded(5))
    simulation.advance(10)
    assert [(member.state.nonce, set(member.state.holdings)) for member in simulation.members] == before


def play(simulation: Simulation, script: Script, *, random: Random) -> None:
    """Let the faults of a script happen, each followed by its time; an outage ends after its time."""
    for fault, number, seconds in script:
        _strike(simulation, fault, number=number, random=random)
        simulation.advance(seconds)
        if fault == "outage":
            simulation.server_up = True
            for member in simulation.members:
                simulation.network(member, Network())


def _strike(simulation: Simulation, fault: str, *, number: int, random: Random) -> None:
    member = simulation.members[number % len(simulation.members)]
    match fault:
        case "outage":
            simulation.server_up = False
            for every in simulation.members:
                simulation.network(every, Network(up=False))
        case "partition":
            simulation.network(member, Network(up=False))
        case "heal":
            simulation.network(member, Network())
        case "slow":
            slowed(member, random=random)
        case "stop":
            member.running = False
        case "wake":
            simulation.resume(member)
        case "leave":
            simulation.leave(member)
        case _:
            _process_fault(simulation, fault, number=number)


def _process_fault(simulation: Simulation, fault: str, *, number: int) -> None:
    member = simulation.members[number % len(simulation.members)]
    if fault == "crash" and not member.ended:
        member.ended = True
        simulation.start(member.state.member)
    elif fault == "replace" and len(simulation.members) < MOST_MEMBERS:
        member.running = False
        simulation.start(member.state.member)
    elif fault == "grow" and len(simulation.members) < MOST_MEMBERS:
        simulation.start(f"m{len(simulation.members)}")
