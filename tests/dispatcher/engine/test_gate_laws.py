"""What holds over any sequence of attempts, answers, settings and times."""

from __future__ import annotations

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from jethook_contract.target import BreakerPolicy, Limits, Target
from jethook_dispatcher.core.gate import Gate, Permit, Wait
from jethook_dispatcher.core.outcome import Outcome
from tests.dispatcher.engine.gates import DELIVERED, NOW, answered, faulty, target

OUTCOMES: list[Outcome | None] = [
    None, DELIVERED, DELIVERED, answered(500), answered(404), answered(429), answered(503),
    answered(503, retry_after=3), answered(502), faulty("Timeout"), faulty("ConnectFailed"), faulty("ConnectionClosed"),
    Outcome(kind="Abort", status_code=400, reason="HTTPStatus"),
]  # fmt: skip
ROUNDING = 1e-4

rates = st.none() | st.integers(1, 20)
policies = st.builds(
    BreakerPolicy,
    failure_percent=st.integers(1, 100),
    window_seconds=st.integers(1, 60),
    min_requests=st.integers(1, 6),
    open_seconds=st.integers(1, 10),
    max_open_seconds=st.integers(1, 40),
    slow_start_seconds=st.sampled_from([0, 5, 60]),
)
targets = st.builds(
    lambda weights, limits, breaker: target(*weights, limits=limits, breaker=breaker),
    weights=st.lists(st.integers(1, 5), min_size=1, max_size=3),
    limits=st.builds(
        Limits, requests_per_second=rates, burst=st.none() | st.integers(1, 8), max_in_flight=st.integers(1, 6)
    ),
    breaker=policies,
)


class Attempts(RuleBasedStateMachine):
    """Play a lane; `sent` holds the times of permits whose requests may have reached the receiver."""

    @initialize(spec=targets)
    def begin(self, spec: Target) -> None:
        self.now = NOW
        self.gate = Gate(spec, now=self.now)
        self.held: list[tuple[Permit, float, frozenset[int]]] = []
        self.sent: list[float] = []
        self.settle(spec)

    def settle(self, spec: Target) -> None:
        """Begin to count anew: the law is about one version of the spec."""
        self.spec, self.sent, self.since = spec, [], self.now
        self.most_held = max(spec.limits.max_in_flight, len(self.held))

    @rule(seconds=st.floats(0, 2) | st.sampled_from([0.0, 0.5, 10.0, 60.0]))
    def time_passes(self, seconds: float) -> None:
        self.now += seconds

    @rule()
    def enter(self) -> None:
        report = self.gate.report(now=self.now)
        found = self.gate.enter(now=self.now)
        if isinstance(found, Wait):
            assert found.until is None or found.until >= self.now
            return
        assert report.circuit != "Open"
        assert len(self.held) < self.most_held
        assert not found.probe or all(not permit.probe or permit.target != found.target for permit, _, _ in self.held)
        self.held.append((found, self.now, frozenset({found.target})))

    @rule()
    def come_back_when_told(self) -> None:
        found = self.gate.enter(now=self.now)
        for _ in range(200):
            if not isinstance(found, Wait) or found.until is None:
                break
            self.now = max(self.now, found.until)
            found = self.gate.enter(now=self.now)
        # Whoever comes back when told gets leave after a bounded number of questions, or waits for an attempt to end.
        assert not isinstance(found, Wait) or found.until is None
        if isinstance(found, Permit):
            self.held.append((found, self.now, frozenset({found.target})))

    @precondition(lambda self: self.held)
    @rule(index=st.integers(0, 10), outcome=st.sampled_from(OUTCOMES))
    def leave(self, index: int, outcome: Outcome | None) -> None:
        permit, began_at, _ = self.held.pop(index % len(self.held))
        if outcome is not None:
            self.sent.append(began_at)
        self.gate.leave(permit, outcome=outcome, now=self.now)

    @precondition(lambda self: self.held)
    @rule(index=st.integers(0, 10), outcome=st.sampled_from([one for one in OUTCOMES if one is not None]))
    def fail_over(self, index: int, outcome: Outcome) -> None:
        place = index % len(self.held)
        permit, began_at, tried = self.held[place]
        other = self.gate.fail_over(permit, outcome=outcome, tried=tried, now=self.now)
        if other is None:
            return
        assert not other.probe
        assert other.target not in tried
        if not outcome.unsent:
            self.sent.append(began_at)
        self.held[place] = (other, self.now, tried | {other.target})

    @precondition(lambda self: not self.held)
    @rule(spec=targets)
    def update(self, spec: Target) -> None:
        self.gate.update(spec, now=self.now)
        self.settle(spec)

    @rule(data=st.data())
    def update_while_attempts_run(self, data: st.DataObject) -> None:
        # The same URLs, so that indexes mean the same; other limits.
        spec = data.draw(targets)
        spec = self.spec.model_copy(update={"limits": spec.limits, "breaker": spec.breaker})
        self.gate.update(spec, now=self.now)
        self.settle(spec)

    @invariant()
    def no_span_has_more_than_burst_and_rate(self) -> None:
        rate = self.spec.limits.requests_per_second
        if rate is None:
            return
        burst = self.spec.limits.burst or rate
        began = [began_at for _, began_at, _ in self.held if began_at > self.since]
        times = sorted([one for one in self.sent if one > self.since] + began)[-60:]
        for first, start in enumerate(times):
            for count, end in enumerate(times[first:], start=1):
                assert count <= burst + rate * (end - start) + ROUNDING

    @invariant()
    def the_report_never_shows_a_rate_above_the_spec(self) -> None:
        report = self.gate.report(now=self.now)
        rate, shown = self.spec.limits.requests_per_second, report.allowed_requests_per_second
        assert rate is None or shown is None or 1 <= shown <= rate
        assert (report.next_probe_in_seconds is not None) == (report.open_targets > 0)
        assert 1 <= report.pause_seconds <= max(self.spec.breaker.max_open_seconds, 1)

    @invariant()
    def what_is_kept_ahead_is_within_the_width(self) -> None:
        width, ahead = self.gate.width(now=self.now), self.gate.ahead(now=self.now)
        assert 0 <= ahead <= width <= self.spec.limits.max_in_flight

    def teardown(self) -> None:
        """Whatever happened, an idle gate that is left alone for a day gives all its places again."""
        if not hasattr(self, "gate"):
            return
        for permit, _, _ in self.held:
            self.gate.leave(permit, outcome=None, now=self.now)
        for _ in range(4 * len(self.spec.urls)):
            self.now += 86_400.0
            found = self.gate.enter(now=self.now)
            assert isinstance(found, Permit)
            self.gate.leave(found, outcome=DELIVERED, now=self.now)
        self.gate.update(self.spec.model_copy(update={"limits": Limits(max_in_flight=7)}), now=self.now)
        self.now += 86_400.0
        permits = [self.gate.enter(now=self.now) for _ in range(8)]
        assert [isinstance(one, Permit) for one in permits] == [True] * 7 + [False]


TestAttempts = Attempts.TestCase
TestAttempts.settings = settings(max_examples=150, stateful_step_count=50, deadline=None)
