"""What would become of an event at a Subscription, worked out by the code that does it, without sending anything."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from jethook_contract.errors import Invalid
from jethook_contract.event import CloudEvent
from jethook_contract.plan import PlanPart, PlanSecrets
from jethook_contract.subjects import events_subject, matches
from jethook_dispatcher.core.request import RequestForm
from jethook_processing.batch import render_batch
from jethook_processing.bindings import Context
from jethook_processing.filters import EventFilter
from jethook_processing.render import render, webhook_id
from jethook_processing.transform import Shaper

HIDDEN = "(hidden)"

Headers = tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Preview:
    """One event at one Subscription.

    `verdict`: `Sent`, `NotWanted` or `DeadLetter`, with `reason` and `message` where there is more to say. `url` is
    None while the endpoint cannot be sent to; `message` then says why. `headers` hold no secret.
    """

    subscription: str
    event_id: str
    verdict: str
    reason: str = ""
    message: str = ""
    url: str | None = None
    headers: Headers = ()
    body: bytes = b""


def preview(event: CloudEvent, *, part: PlanPart, secrets: PlanSecrets, now: datetime) -> Preview:
    """Work out what would be sent at the first attempt, at the time `now`."""
    name = f"{part.namespace}/{part.subscription.name}"
    subject = events_subject(part.namespace, event.type)
    if not any(matches(one, subject) for one in part.filters):
        return _not_wanted(name, event, "EventType", f"spec.eventTypes does not hold {event.type}")
    try:
        if not EventFilter(part.filter).wants(event):
            return _not_wanted(name, event, "Filter", "spec.filter does not want it")
        return _sent(event, name=name, part=part, secrets=secrets, now=now)
    except Invalid as exc:
        return Preview(
            subscription=name, event_id=event.id, verdict="DeadLetter", reason=exc.reason, message=exc.message
        )


def _not_wanted(name: str, event: CloudEvent, reason: str, message: str) -> Preview:
    return Preview(subscription=name, event_id=event.id, verdict="NotWanted", reason=reason, message=message)


def _sent(event: CloudEvent, *, name: str, part: PlanPart, secrets: PlanSecrets, now: datetime) -> Preview:
    context = Context(part.namespace, endpoint=part.endpoint.name, subscription=part.subscription.name)
    shaped = Shaper(part.bindings, part.transform, context=context)(event)
    batched = part.batch is not None or (part.merge is not None and part.merge.strategy == "Collect")
    content = render_batch([shaped]) if batched else render(shaped, output_format=part.format)
    if part.target is None:
        return Preview(
            subscription=name,
            event_id=event.id,
            verdict="Sent",
            reason=part.reason or part.state,
            message=part.message or f"it waits while the plan is {part.state}",
            headers=content.headers,
            body=content.body,
        )
    request = RequestForm(part, secrets=secrets).build(
        content,
        webhook_id=webhook_id(event, namespace=part.namespace, subscription=part.subscription.name),
        attempt=1,
        now=now,
    )
    return Preview(
        subscription=name,
        event_id=event.id,
        verdict="Sent",
        url=request.url,
        headers=_without_secrets(request.headers, secrets=secrets),
        body=request.body,
    )


def _without_secrets(headers: Headers, *, secrets: PlanSecrets) -> Headers:
    """Hide the values that come out of Secrets; a signature tells nothing of its key."""
    secret = {"authorization", *(name.lower() for name, _ in secrets.headers)}
    return tuple((name, HIDDEN if name.lower() in secret else value) for name, value in headers)
