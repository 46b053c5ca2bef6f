"""Shape an event before it is sent: bind its parameters, and put the filled template in the place of its data."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from jethook_contract.errors import Invalid
from jethook_contract.event import CloudEvent
from jethook_contract.selection import Binding, Transform
from jethook_processing.bindings import MAX_BINDINGS, MAX_VALUE_BYTES, Binder, Context
from jethook_processing.expressions import EventDocument
from jethook_processing.template import Template

VARIABLES = ("bindings", "context")
JSON = "application/json"


class Shaper:
    """What becomes of each event of a Subscription; idle when nothing does.

    Raises Invalid `BadExpression` when it is made of something that cannot be used.
    """

    def __init__(self, bindings: Sequence[Binding], transform: Transform | None, *, context: Context) -> None:
        if len(bindings) > MAX_BINDINGS:
            raise Invalid("BadExpression", f"there are more than {MAX_BINDINGS} bindings; remove some")
        self._binder = Binder(bindings, context=context)
        self._context = context._asdict()
        self._bytes = MAX_VALUE_BYTES * len(bindings)
        template = transform.template if transform is not None else ""
        self._template = Template(template, variables=VARIABLES) if template else None
        self.idle = self._template is None

    def __call__(self, event: CloudEvent) -> CloudEvent:
        """Give the event with its new data, as JSON; attributes stay as they are.

        Raises Invalid `BindingFailed` or `TransformFailed`; the event is then dead-lettered as it came.
        """
        if self._template is None:
            return event
        document = EventDocument(event)
        values = {"bindings": self._binder(document), "context": self._context}
        body = self._template(document, values, more_bytes=self._bytes)
        return replace(event, data=body, data_form="JSON", datacontenttype=JSON)
