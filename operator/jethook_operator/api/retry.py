"""When a failed delivery is tried again: an endpoint's `retry`, and what a Subscription sets differently."""

from __future__ import annotations

from typing import Annotated, ClassVar

from pydantic import Field

from jethook_operator.api.meta import ApiModel
from jethook_operator.api.rules import ListType, Rule

DEFAULT_MAX_ATTEMPTS = 12
DEFAULT_INITIAL_DELAY_SECONDS = 5
DEFAULT_FACTOR = 3
DEFAULT_MAX_DELAY_SECONDS = 21_600

Attempts = Annotated[int, Field(ge=1, le=100)]
InitialDelay = Annotated[int, Field(ge=1, le=86_400)]
Factor = Annotated[int, Field(ge=1, le=10)]
MaxDelay = Annotated[int, Field(ge=1, le=604_800)]
JitterPercent = Annotated[int, Field(ge=0, le=100)]
MaxAge = Annotated[int, Field(ge=1, le=2_592_000)]
Schedule = Annotated[
    tuple[Annotated[int, Field(ge=1, le=604_800)], ...],
    Field(min_length=1, max_length=100, strict=False),
    ListType("atomic"),
]

_DELAYS_IN_ORDER = "initialDelaySeconds must be at most maxDelaySeconds; lower the one or raise the other"
_SCHEDULE_ALONE = (
    "scheduleSeconds says all delays and attempts; leave out maxAttempts, initialDelaySeconds, factor and"
    " maxDelaySeconds"
)


class Retry(ApiModel):
    """When a failed delivery is tried again, and when it is given up."""

    rules: ClassVar[tuple[Rule, ...]] = (
        Rule(
            cel="self.initialDelaySeconds <= self.maxDelaySeconds",
            message=_DELAYS_IN_ORDER,
            check=lambda retry: retry.initial_delay_seconds <= retry.max_delay_seconds,
        ),
        # The API server writes defaults into the object before it runs rules, so a default cannot be told from none.
        Rule(
            cel=f"!has(self.scheduleSeconds) || (self.maxAttempts == {DEFAULT_MAX_ATTEMPTS}"
            f" && self.initialDelaySeconds == {DEFAULT_INITIAL_DELAY_SECONDS} && self.factor == {DEFAULT_FACTOR}"
            f" && self.maxDelaySeconds == {DEFAULT_MAX_DELAY_SECONDS})",
            message=_SCHEDULE_ALONE,
            check=lambda retry: retry.schedule_seconds is None or retry.has_default_delays(),
        ),
    )

    max_attempts: Attempts = DEFAULT_MAX_ATTEMPTS
    """Attempts for one event, the first included, 1 to 100; then it becomes a dead letter. Default: 12."""
    initial_delay_seconds: InitialDelay = DEFAULT_INITIAL_DELAY_SECONDS
    """Seconds from the first failure to the second attempt, 1 to 86400. Default: 5."""
    factor: Factor = DEFAULT_FACTOR
    """By how much each delay is longer than the one before it, 1 to 10; 1 keeps them equal. Default: 3."""
    max_delay_seconds: MaxDelay = DEFAULT_MAX_DELAY_SECONDS
    """The longest delay in seconds, 1 to 604800 (7 days). Default: 21600 (6 hours)."""
    jitter_percent: JitterPercent = 20
    """By how many percent a delay may differ at random, 0 to 100, so that not all come at once. Default: 20."""
    max_age_seconds: MaxAge = 172_800
    """Age of an event in seconds, 1 to 2592000 (30 days), from which a failed attempt is its last. Default: 172800
    (2 days)."""
    schedule_seconds: Schedule | None = None
    """The delays one by one, in seconds, 1 to 100 of them, each 1 to 604800 (7 days), instead of maxAttempts,
    initialDelaySeconds, factor, maxDelaySeconds and without jitter. There is one attempt more than there are delays.
    Default: none."""

    def has_default_delays(self) -> bool:
        """Tell whether what a schedule replaces is as it is by default."""
        return (self.max_attempts, self.initial_delay_seconds, self.factor, self.max_delay_seconds) == (
            DEFAULT_MAX_ATTEMPTS,
            DEFAULT_INITIAL_DELAY_SECONDS,
            DEFAULT_FACTOR,
            DEFAULT_MAX_DELAY_SECONDS,
        )


class RetryOverride(ApiModel):
    """What a Subscription sets differently from its endpoint's `retry`; what is left out stays the endpoint's."""

    rules: ClassVar[tuple[Rule, ...]] = (
        Rule(
            cel="!has(self.initialDelaySeconds) || !has(self.maxDelaySeconds)"
            " || self.initialDelaySeconds <= self.maxDelaySeconds",
            message=_DELAYS_IN_ORDER,
            check=lambda retry: (
                retry.initial_delay_seconds is None
                or retry.max_delay_seconds is None
                or retry.initial_delay_seconds <= retry.max_delay_seconds
            ),
        ),
        Rule(
            cel="!has(self.scheduleSeconds) || !(has(self.maxAttempts) || has(self.initialDelaySeconds)"
            " || has(self.factor) || has(self.maxDelaySeconds))",
            message=_SCHEDULE_ALONE,
            check=lambda retry: (
                retry.schedule_seconds is None
                or {retry.max_attempts, retry.initial_delay_seconds, retry.factor, retry.max_delay_seconds} == {None}
            ),
        ),
    )

    max_attempts: Attempts | None = None
    """Attempts for one event, the first included, 1 to 100. Default: the endpoint's. It cuts the endpoint's
    scheduleSeconds short."""
    initial_delay_seconds: InitialDelay | None = None
    """Seconds from the first failure to the second attempt, 1 to 86400. Default: the endpoint's."""
    factor: Factor | None = None
    """By how much each delay is longer than the one before it, 1 to 10. Default: the endpoint's."""
    max_delay_seconds: MaxDelay | None = None
    """The longest delay in seconds, 1 to 604800 (7 days). Default: the endpoint's."""
    jitter_percent: JitterPercent | None = None
    """By how many percent a delay may differ at random, 0 to 100. Default: the endpoint's."""
    max_age_seconds: MaxAge | None = None
    """Age of an event in seconds, 1 to 2592000 (30 days), from which a failed attempt is its last. Default: the
    endpoint's."""
    schedule_seconds: Schedule | None = None
    """The delays one by one, in seconds, 1 to 100 of them, each 1 to 604800 (7 days); one attempt more than delays,
    no jitter. Default: the endpoint's, unless initialDelaySeconds, factor or maxDelaySeconds is set here."""
