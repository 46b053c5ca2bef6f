"""Load curves in, dispatchers out: soon enough, no more than needed, and not back and forth."""

from dataclasses import replace

import pytest

from tests.operator.scaling.scaling_scenarios import CHANGE_AT, HOUR, PAGE, PARTS, SCENARIOS, Scenario, played
from tests.operator.scaling.scaling_simulation import Simulation

MOST_TURNS = {"step": 1, "spike": 1, "sine": 2 * HOUR // 900, "bursts": 2 * HOUR // 1200}


@pytest.mark.parametrize("name", SCENARIOS)
def test_the_number_does_not_go_back_and_forth(name: str) -> None:
    assert played(name).turns <= MOST_TURNS.get(name, 0)


@pytest.mark.parametrize("name", ["steady", "step", "ramp", "sine", "spike", "noise", "sparse", "bursts"])
def test_what_can_be_delivered_is(name: str) -> None:
    backlogs = played(name).backlogs
    assert backlogs[-1] < 20_000  # ten seconds of one dispatcher


def test_a_step_is_answered_soon_and_is_enough_within_two_minutes() -> None:
    run = played("step")
    assert run.reached(2, after=CHANGE_AT) <= 20
    assert run.reached(5, after=CHANGE_AT) <= 120
    assert max(run.replicas) <= 8
    assert run.replicas[-1] == 5


def test_a_load_that_falls_is_followed_after_the_stabilisation() -> None:
    run = played("down")
    assert {new for at, _, new in run.changes if at < CHANGE_AT + 290} == set()
    assert run.replicas[-1] == 1
    assert run.replicas[CHANGE_AT + 2 * 300] == 1


def test_a_ramp_is_followed_before_a_backlog_grows() -> None:
    run = played("ramp")
    assert max(run.backlogs[:1800]) < 200_000
    assert 7 <= max(run.replicas) <= 9


def test_noise_is_no_reason_to_change_again_and_again() -> None:
    assert len(played("noise").changes) <= 4


@pytest.mark.parametrize("name", ["dead", "limited", "hot"])
def test_backlog_that_waits_for_its_endpoint_takes_no_dispatcher(name: str) -> None:
    run = played(name)
    assert run.backlogs[-1] > 400_000
    assert set(run.replicas) == {1}


def test_beside_a_hot_endpoint_no_more_are_taken_than_its_neighbours_need() -> None:
    run = played("hot-and-others")
    assert max(run.replicas) <= 6
    assert len(run.changes) == run.replicas[-1] - 1


def test_from_none_the_first_comes_with_the_next_look() -> None:
    run = played("bursts")
    assert run.replicas[0] == 1
    assert [at for at, old, _ in run.changes if old == 0] == [1200, 2400]
    assert all(new == 0 for _, old, new in run.changes if old == 1)


def test_a_simulation_without_the_stabilisation_does_go_back_and_forth() -> None:
    """The measure of going back and forth measures it."""
    noise = SCENARIOS["noise"]
    policy = replace(noise.policy, scale_down_stabilization_seconds=0)
    run = _play(replace(noise, policy=policy))
    assert run > 10


def _play(scenario: Scenario) -> int:
    simulation = Simulation(scenario.receivers(), policy=scenario.policy, replicas=scenario.replicas)
    return simulation.run(scenario.curve, seconds=scenario.seconds).turns


@pytest.mark.parametrize("name", PARTS)
def test_the_page_has_what_the_code_gives(name: str) -> None:
    found = PAGE.read_text().partition(f"<!-- {name} -->\n")[2].partition(f"<!-- /{name} -->")[0]
    assert found == PARTS[name](), "python -m tests.operator.scaling.scaling_scenarios writes it anew"
