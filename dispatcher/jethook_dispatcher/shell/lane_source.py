"""One Subscription inside its lane: its plan part, what it holds, its counts and its puller."""

from __future__ import annotations

import math
from datetime import datetime
from typing import Protocol

from nats.aio.msg import Msg

from jethook_contract.cloudevents import CloudEvent
from jethook_contract.errors import Bug
from jethook_contract.plan import PlanPart, PlanSecrets
from jethook_contract.subjects import matches
from jethook_contract.tracing import TraceContext, trace_of
from jethook_dispatcher.core.attempt_counts import AttemptCounts
from jethook_dispatcher.core.request import OutgoingRequest, RequestForm
from jethook_dispatcher.core.retry import max_attempts
from jethook_dispatcher.core.standing import ParkedKeys
from jethook_dispatcher.core.trace_links import UNTRACED, TraceLinks, trace_links
from jethook_dispatcher.core.tray import Item, Parcel, Tray, make_tray
from jethook_dispatcher.shell.lane_grant import Grant
from jethook_dispatcher.shell.lane_held import ByteBudget, Held, Holding
from jethook_dispatcher.shell.pull import Puller
from jethook_processing.batch import batch_id, batched_size, render_batch
from jethook_processing.bindings import Context
from jethook_processing.expressions import compile_key
from jethook_processing.filters import EventFilter
from jethook_processing.parse import parse_message
from jethook_processing.render import render, webhook_id
from jethook_processing.transform import Shaper

_MAX_REMEMBERED_SUBJECTS = 256


class PullerFactory(Protocol):
    """Make the puller of a source."""

    def __call__(self, source: Source) -> Puller:
        """Make one; it opens its inbox with its first request."""


class Source:
    """Hold the state of one Subscription for as long as its plan part exists.

    `counts` is None until they are loaded under the present grant; nothing is pulled before. `gathered` is False while
    an ordered source has yet to get hold of all that its consumer has handed out. `unread`: what is in hand, by
    sequence, and has yet to be read. `form` is None when the part is not Active. `running` counts the attempts under
    way. Raises Invalid, when made or given a part, for what cannot be sent at all.
    """

    def __init__(self, part: PlanPart, *, secrets: PlanSecrets, budget: ByteBudget, puller: PullerFactory) -> None:
        self.part = part
        self.form: RequestForm | None = None
        self.counts: AttemptCounts | None = None
        self.counts_due = 0.0
        self.gathered = False
        self.running = 0
        self.parked_told = ParkedKeys()
        self.consumer_created = ""
        self.enough: float = math.inf
        self.holding = Holding(budget)
        self.unread: dict[int, Held] = {}
        self.tray: Tray = make_tray(part)
        self.update(part, secrets=secrets)
        self.puller = puller(self)

    def update(self, part: PlanPart, *, secrets: PlanSecrets) -> None:
        """Serve another version of the part from now on; one of another shape needs `reshape` first."""
        keyed = part.ordering or part.merge
        self._key_of = compile_key(keyed.key_from) if keyed else None
        self._batches = part.batch is not None or (part.merge is not None and part.merge.strategy == "Collect")
        self._filter = EventFilter(part.filter)
        self._shaper = Shaper(
            part.bindings,
            part.transform,
            context=Context(part.namespace, endpoint=part.endpoint.name, subscription=part.subscription.name),
        )
        self.form = RequestForm(part, secrets=secrets) if part.state == "Active" else None
        self.part = part
        self._wanted: set[str] = set()

    def shaped_as(self, part: PlanPart) -> bool:
        """Tell whether events are grouped in the same way by another version of the part."""
        return _shape(self.part) == _shape(part)

    def reshape(self, part: PlanPart) -> None:
        """Group events as `part` says from now on; what was in hand must have been given back."""
        self.tray = make_tray(part)
        self.gathered = False

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

    @property
    def startable(self) -> bool:
        """Tell whether attempts may start: pullable, and a source with keys has read all that it has to sort."""
        if self.unread and self.tray.keeps_failed:
            return False
        return self.form is not None and self.counts is not None and not self.gathering

    @property
    def evaluates(self) -> bool:
        """Tell whether a message is read when it comes, and not only by its attempt."""
        return not self._filter.idle or self._key_of is not None or self.part.batch is not None

    @property
    def plain(self) -> bool:
        """Tell whether each event goes by itself and in no order."""
        return self.part.ordering is None and self.part.merge is None and self.part.batch is None

    @property
    def hungry(self) -> bool:
        """Tell whether it may be worth asking for more: less is waiting and on its way than was `enough` lately."""
        return self.tray.waiting + self.puller.asked <= self.enough

    @property
    def gathering(self) -> bool:
        """Tell whether an ordered source has yet to hold all that its consumer has handed out."""
        return self.part.ordering is not None and not self.gathered

    def drop_waiting(self) -> list[Held]:
        """Let go of all that is in no attempt, and give it in ascending order of sequence."""
        waiting = [held_of(item) for item in self.tray.drain()]
        if self.unread:
            waiting = sorted((*waiting, *self.unread.values()), key=lambda held: held.handed.sequence)
            self.unread.clear()
        for held in waiting:
            self.holding.drop(held)
        return waiting

    def excuse(self, held: Held) -> None:
        """Note that a message goes back to NATS without an attempt; to be called before it does."""
        if self.counts is not None:
            self.counts.excuse(held.handed.sequence)

    def item(self, held: Held) -> Item | None:
        """Read what is needed to place a message; None when the filter does not want its event. Raises Invalid."""
        attempts = self.counts.of(held.handed.sequence) if self.counts is not None else 0
        key, event = "", None
        if self.evaluates:
            event = read_event(held.message)
            if not self._filter.wants(event):
                return None
            key = self._key_of(event) if self._key_of is not None else ""
        size = len(held.message.data)
        if self._batches and event is not None:
            size = batched_size(self._shaper(event))  # one that cannot be shaped would take its whole batch with it
        return Item(sequence=held.handed.sequence, key=key, attempts=attempts, size=size, event=event, payload=held)

    def request(self, parcel: Parcel, *, delivery_id: str, attempt: int, now: datetime, target: int) -> OutgoingRequest:
        """Build one attempt's request; raises Invalid when the event does not fit the Subscription's format."""
        if self.form is None:
            raise Bug("NoForm", "a source without a form builds no request")
        events = [self._shaper(event_of(item)) for item in parcel.sent]
        content = render_batch(events) if parcel.batched else render(events[0], output_format=self.part.format)
        return self.form.build(
            content,
            webhook_id=delivery_id,
            attempt=attempt,
            now=now,
            target=target,
            events=events,
            batched=parcel.batched,
            trace=_trace_links(parcel),
        )

    def delivery_id(self, parcel: Parcel) -> str:
        """Give the webhook-id of what a parcel sends; raises Invalid for an event that cannot be read."""
        namespace, name = self.part.namespace, self.part.subscription.name
        if not parcel.batched:
            return webhook_id(event_of(parcel.sent[0]), namespace=namespace, subscription=name)
        return batch_id([webhook_id(event_of(item), namespace=namespace, subscription=name) for item in parcel.sent])


def _shape(part: PlanPart) -> tuple[object, ...]:
    return part.ordering, part.merge, part.batch, part.batch and max_attempts(part.retry)


def held_of(item: Item) -> Held:
    """Give the message that an item was made of."""
    held = item.payload
    if not isinstance(held, Held):
        raise Bug("NoMessage", "an item of a lane holds no message")
    return held


def grant_of(parcel: Parcel) -> Grant:
    """Give the grant under which a parcel's messages came; it is one, since a gap empties the tray."""
    return held_of(parcel.items[0]).grant


def event_of(item: Item) -> CloudEvent:
    """Give an item's event, read at its first use; raises Invalid."""
    if item.event is None:
        item.event = read_event(held_of(item).message)
    return item.event


def read_event(message: Msg) -> CloudEvent:
    """Read the event in a message, or raise Invalid."""
    return parse_message(message.headers, message.data)


def _trace_links(parcel: Parcel) -> TraceLinks:
    if len(parcel.items) == 1:
        context = _trace_of(parcel.items[0])
        return UNTRACED if context is None else TraceLinks(context)
    contexts = [_trace_of(item) for item in parcel.sent]
    if len(parcel.sent) == len(parcel.items):
        return trace_links(contexts)
    return trace_links(contexts, replaced=(_trace_of(item) for item in parcel.items if item not in parcel.sent))


def _trace_of(item: Item) -> TraceContext | None:
    return trace_of(event_of(item).extensions, held_of(item).message.headers)
