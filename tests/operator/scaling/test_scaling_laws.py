"""What holds for every load, every policy and every past."""

from dataclasses import replace

from hypothesis import given, settings
from hypothesis import strategies as st

from jethook_operator.core.scaling import PoolLoad, ScalingMemory, ScalingPolicy, decide_replicas
from jethook_operator.core.scaling_window import Highest, Lowest

EVENTS = st.integers(0, 100_000)
PERCENTS = st.lists(st.integers(0, 100), max_size=8).map(tuple)
LOADS = st.builds(
    PoolLoad,
    utilization_percents=PERCENTS,
    waiting=EVENTS,
    in_flight=st.integers(0, 2),
    gated=EVENTS,
    busy_shards=st.integers(0, 256),
    handed_out=st.integers(0, 2),
    lagging=EVENTS,
    lagging_shards=st.integers(0, 256),
)
PAUSES = st.sampled_from([0.0, 1.5, 5.0, 5.0, 5.0, 30.0, 200.0])
LOOKS = st.lists(st.tuples(PAUSES, st.none() | LOADS), max_size=40)


@st.composite
def policies(draw: st.DrawFn) -> ScalingPolicy:
    low = draw(st.integers(0, 5))
    return ScalingPolicy(
        min_replicas=low,
        max_replicas=draw(st.integers(max(1, low), 12)),
        target_utilization_percent=draw(st.integers(10, 95)),
        idle_seconds=draw(st.sampled_from([10.0, 300.0])),
        scale_down_stabilization_seconds=draw(st.sampled_from([0.0, 60.0, 300.0])),
    )


def past(policy: ScalingPolicy, looks: list[tuple[float, PoolLoad | None]]) -> tuple[int, ScalingMemory, float]:
    """Live through these looks; give the number, the memory and the time at the end."""
    replicas, memory, now = 1, ScalingMemory(), 0.0
    for pause, load in looks:
        now += pause
        decision = decide_replicas(policy=policy, load=load, current=replicas, memory=memory, now=now)
        replicas, memory = decision.replicas, decision.memory
    return replicas, memory, now


@settings(max_examples=300)
@given(policy=policies(), looks=LOOKS, current=st.integers(0, 20), load=st.none() | LOADS)
def test_the_number_is_within_its_bounds_and_never_0_with_anything_waiting(
    policy: ScalingPolicy, looks: list[tuple[float, PoolLoad | None]], current: int, load: PoolLoad | None
) -> None:
    _, memory, now = past(policy, looks)
    decision = decide_replicas(policy=policy, load=load, current=current, memory=memory, now=now + 5)
    assert policy.min_replicas <= decision.replicas <= policy.max_replicas
    if load is not None and (load.waiting or load.in_flight):
        assert decision.replicas > 0
    if load is None and policy.min_replicas <= current <= policy.max_replicas:
        assert decision.replicas == current
    assert decision.reason.isalnum()
    assert decision.reason[0].isupper()
    assert decision.message
    assert "{" not in decision.message
    assert len(decision.message) < 300


@settings(max_examples=300)
@given(policy=policies(), looks=LOOKS, load=LOADS, more=st.data())
def test_more_load_never_makes_fewer(
    policy: ScalingPolicy, looks: list[tuple[float, PoolLoad | None]], load: PoolLoad, more: st.DataObject
) -> None:
    current, memory, now = past(policy, looks)
    higher = replace(
        load,
        utilization_percents=tuple(more.draw(st.integers(percent, 100)) for percent in load.utilization_percents),
        waiting=load.waiting + more.draw(EVENTS),
        in_flight=load.in_flight + more.draw(EVENTS),
        busy_shards=more.draw(st.integers(load.busy_shards, 256)),
        lagging=load.lagging + more.draw(EVENTS),
        lagging_shards=more.draw(st.integers(load.lagging_shards, 256)),
    )
    little, much = (
        decide_replicas(policy=policy, load=one, current=current, memory=memory, now=now + 5) for one in (load, higher)
    )
    assert little.replicas <= much.replicas


@settings(max_examples=30, deadline=None)
@given(
    policy=policies(),
    loads=st.lists(LOADS, min_size=5, max_size=20),
)
def test_the_memory_is_bounded_by_the_numbers_that_there_can_be(policy: ScalingPolicy, loads: list[PoolLoad]) -> None:
    _, memory, _ = past(policy, [(1.5, load) for load in loads * 40])
    assert len(memory.most.entries) <= policy.max_replicas
    assert len(memory.least.entries) <= policy.max_replicas


@given(values=st.lists(st.tuples(st.floats(0.0, 20.0), st.integers(0, 9)), min_size=1), seconds=st.floats(0.0, 60.0))
def test_the_windows_give_what_a_look_at_all_values_gives(values: list[tuple[float, int]], seconds: float) -> None:
    highest, lowest, now = Highest(), Lowest(), 0.0
    seen: list[tuple[float, int]] = []
    for pause, value in values:
        now += pause
        seen.append((now, value))
        highest = highest.add(value, now=now, seconds=seconds)
        lowest = lowest.add(value, now=now, seconds=seconds)
        within = [old for at, old in seen if now - at <= seconds]
        assert (highest.value, lowest.value) == (max(within), min(within))
