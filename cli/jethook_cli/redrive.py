"""Send a dead letter to its Subscription again, and only then remove it: nothing is lost in between.

A publish to a direct subject without its consumer is acknowledged and stored nowhere. So the consumer is looked at
before and after, and the dead letter goes only when it was the same one all along.
"""

from __future__ import annotations

from collections.abc import Mapping
from hashlib import blake2b
from typing import Any

import nats.errors
from nats.aio.client import Client
from nats.js.errors import APIError, NoStreamResponseError

from jethook_cli.dead_letters_read import DeadLetterStream, StoredLetter
from jethook_cli.jetstream import ANSWER_SECONDS, find, has_plan
from jethook_contract.deadletters import MESSAGE_ID
from jethook_contract.errors import Invalid, Unavailable
from jethook_contract.names import METADATA_ORPHANED_AT, events_stream, subscription_consumer
from jethook_contract.subjects import direct_subject

DUPLICATE_WINDOW_SECONDS = 120  # of the events stream: how long a repeat is recognised


class Redriver:
    """Redrive the dead letters of one namespace."""

    def __init__(self, client: Client, *, letters: DeadLetterStream) -> None:
        self._client = client
        self._js = client.jetstream(timeout=ANSWER_SECONDS)
        self._letters = letters
        self._namespace = letters.namespace
        self._stream = events_stream(letters.namespace)
        self._planned: dict[str, bool] = {}

    async def redrive(self, sequence: int) -> bool:
        """Send one and delete it; False when it is not there any more.

        A repeat within `DUPLICATE_WINDOW_SECONDS` is not sent twice. Raises Invalid `NoSubscription`,
        `ConsumerReplaced` (it is kept) and Unavailable.
        """
        stored = await self._letters.get(sequence)
        if stored is None:
            return False
        subscription = stored.letter.subscription
        created = await self.target(subscription)
        await self._publish(stored, created=created)
        if await self._created(subscription) != created:
            raise Invalid(
                "ConsumerReplaced",
                f"the consumer of Subscription {self._namespace}/{subscription} was removed or made anew while a dead"
                " letter was sent to it; the dead letter is kept: redrive it again",
            )
        await self._letters.delete(sequence)
        return True

    async def target(self, subscription: str) -> str:
        """Give the creation time of the consumer that would take it; raises Invalid `NoSubscription`, Unavailable."""
        if subscription not in self._planned:
            self._planned[subscription] = await has_plan(
                self._client, namespace=self._namespace, subscription=subscription
            )
        created = await self._created(subscription) if self._planned[subscription] else ""
        if not created:
            raise Invalid(
                "NoSubscription",
                f"Subscription {self._namespace}/{subscription} is gone or not in place yet: apply it again and see"
                f" `jethook get subscription {subscription} -n {self._namespace}`, or remove its dead letters with"
                f" `jethook dead-letters delete --subscription {subscription} -n {self._namespace}`",
            )
        return created

    async def _created(self, subscription: str) -> str:
        """Give when the consumer was made, empty when none takes the direct subject or it waits to be removed."""
        info = await find(self._client, f"CONSUMER.INFO.{self._stream}.{subscription_consumer(subscription)}")
        if info is None or METADATA_ORPHANED_AT in (info["config"].get("metadata") or {}):
            return ""
        return str(info["created"]) if direct_subject(self._namespace, subscription) in _filters(info) else ""

    async def _publish(self, stored: StoredLetter, *, created: str) -> None:
        letter = stored.letter
        headers = {**letter.headers, MESSAGE_ID: message_id(stored, created=created)}
        subject = direct_subject(self._namespace, letter.subscription)
        try:
            # A duplicate was stored for this very consumer before, by a redrive that did not come to its end.
            await self._js.publish(subject, letter.data, headers=headers, stream=self._stream)
        except APIError as exc:
            raise Unavailable(
                "Refused",
                f"the events stream of namespace {self._namespace} refuses dead letter {letter.sequence}, which is"
                f" kept: {exc.description} (err_code {exc.err_code}); when it is full, see `jethook get subscriptions"
                f" -n {self._namespace}` for whose backlog holds it",
            ) from exc
        except NoStreamResponseError as exc:
            raise Invalid(
                "NoStream", f"namespace {self._namespace} has no events stream: apply its Subscription again"
            ) from exc
        except (TimeoutError, nats.errors.Error, OSError) as exc:
            raise Unavailable(
                "NATSUnreachable",
                f"NATS did not acknowledge dead letter {letter.sequence}, which is kept and may have been sent: redrive"
                f" it again within {DUPLICATE_WINDOW_SECONDS} s and it is not sent twice",
            ) from exc


def message_id(stored: StoredLetter, *, created: str) -> str:
    """Give the id by which JetStream tells a repeat: `<operation uid>/<subscription>/<dead letter's sequence>`.

    The uid is that of sending this dead letter to this consumer (`created`: its creation time). An acknowledged publish
    is remembered also when it was stored nowhere, so a consumer that was made anew needs another id.
    """
    letter = stored.letter
    operation = f"{letter.namespace}\0{letter.sequence}\0{stored.time}\0{created}"
    return f"{blake2b(operation.encode(), digest_size=16).hexdigest()}/{letter.subscription}/{letter.sequence}"


def _filters(info: Mapping[str, Any]) -> list[str]:
    config = info["config"]
    return list(config.get("filter_subjects") or [config.get("filter_subject", "")])
