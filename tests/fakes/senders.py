"""Senders that need no receiver: each attempt ends as the test says."""

from collections.abc import Callable

from jethook_dispatcher.core.outcome import NotStarted, Outcome
from jethook_dispatcher.core.request import OutgoingRequest


class ScriptedSender:
    """Give `answer` to every attempt, or raise it; keep what was to be sent."""

    def __init__(self, answer: Outcome | NotStarted | BaseException) -> None:
        self.answer = answer
        self.requests: list[OutgoingRequest] = []

    async def deliver(
        self,
        request: OutgoingRequest,
        *,
        before_write: Callable[[], bool],  # noqa: ARG002 -- the protocol's
    ) -> Outcome | NotStarted:
        """Make one attempt without a network."""
        self.requests.append(request)
        if isinstance(self.answer, BaseException):
            raise self.answer
        return self.answer
