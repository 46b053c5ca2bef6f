"""One Subscription inside its lane: its plan part, what it holds, its counts and its puller."""

from __future__ import annotations

from datetime import datetime
from typing import Protocol

from nats.aio.msg import Msg

from jethook_contract.cloudevents import CloudEvent
from jethook_contract.plan import PlanPart, PlanSecrets
from jethook_contract.subjects import matches
from jethook_dispatcher.core.attempt_counts import AttemptCounts
from jethook_dispatcher.core.request import OutgoingRequest, RequestForm
from jethook_dispatcher.shell.lane_held import ByteBudget, Holding
from jethook_dispatcher.shell.pull import Puller
from jethook_processing.parse import parse_message
from jethook_processing.render import render, webhook_id

_MAX_REMEMBERED_SUBJECTS = 256


class PullerFactory(Protocol):
    """Make the puller of a source."""

    def __call__(self, source: Source) -> Puller:
        """Make one; it opens its inbox with its first request."""


class Source:
    """Hold the state of one Subscription for as long as its plan part exists.

    `counts` is None until they are loaded under the present grant; nothing is pulled before. `form` is None when the
    part is not Active. Raises Invalid, when made or given a part, for what cannot be sent at all.
    """

    def __init__(self, part: PlanPart, *, secrets: PlanSecrets, budget: ByteBudget, puller: PullerFactory) -> None:
        self.part = part
        self.form: RequestForm | None = None
        self.counts: AttemptCounts | None = None
        self.counts_due = 0.0
        self.holding = Holding(budget)
        self.update(part, secrets=secrets)
        self.puller = puller(self)

    def update(self, part: PlanPart, *, secrets: PlanSecrets) -> None:
        """Serve another version of the part from now on."""
        self.form = RequestForm(part, secrets=secrets) if part.state == "Active" else None
        self.part = part
        self._wanted: set[str] = set()

    def wants(self, subject: str, *, sequence: int) -> bool:
        """Tell whether a message is to be sent; subjects that a filter wants are remembered, up to a bound."""
        if subject in self._wanted:
            return True
        if any(matches(one, subject) for one in self.part.filters):
            if len(self._wanted) < _MAX_REMEMBERED_SUBJECTS:
                self._wanted.add(subject)
            return True
        return self.part.wants(subject, sequence=sequence)

    @property
    def pullable(self) -> bool:
        """Tell whether the part wants deliveries and the attempts made so far are known."""
        return self.form is not None and self.counts is not None

    def request(self, event: CloudEvent, *, delivery_id: str, attempt: int, now: datetime) -> OutgoingRequest:
        """Build one attempt's request; raises Invalid when the event does not fit the Subscription's format."""
        content = render(event, output_format=self.part.format)
        if self.form is None:
            raise RuntimeError("a source without a form builds no request")
        return self.form.build(content, webhook_id=delivery_id, attempt=attempt, now=now)

    def delivery_id(self, event: CloudEvent) -> str:
        """Give the event's webhook-id for this Subscription."""
        return webhook_id(event, namespace=self.part.namespace, subscription=self.part.subscription.name)


def read_event(message: Msg) -> CloudEvent:
    """Read the event in a message, or raise Invalid."""
    return parse_message(message.headers, message.data)
