"""Which writes of a status count as done, and which as failed."""

from __future__ import annotations

from collections.abc import Mapping

import pytest

from jethook_contract.errors import Unavailable
from jethook_contract.status import DeliveryStatus, StatusRecord
from jethook_dispatcher.core.tracked import ObjectKey
from jethook_dispatcher.shell.status_writes import CountedApi, CountedStore, Writes

RECORD = StatusRecord(kind="WebhookEndpoint", namespace="shop", name="crm", delivery=DeliveryStatus())


class Outside:
    """A bucket and an API that answer as told: an error is raised, all else given."""

    def __init__(self, answer: object) -> None:
        self.answer = answer

    async def load(self, key: ObjectKey) -> tuple[StatusRecord | None, int]:
        del key
        return None, 7

    async def save(self, record: StatusRecord, *, revision: int) -> int | None:
        del record, revision
        if isinstance(self.answer, Unavailable):
            raise self.answer
        assert self.answer is None or isinstance(self.answer, int)
        return self.answer

    async def apply_status(
        self, kind: str, *, namespace: str, name: str, status: Mapping[str, object], dry_run: str | None = None
    ) -> str:
        del kind, namespace, name, status, dry_run
        if isinstance(self.answer, Unavailable):
            raise self.answer
        return str(self.answer)


@pytest.mark.parametrize(
    ("answer", "done", "failed"),
    [
        pytest.param(8, 1, 0, id="written"),
        pytest.param(None, 0, 0, id="another wrote first"),
        pytest.param(Unavailable("StatusBucketUnreachable", "x"), 0, 1, id="NATS does not answer"),
    ],
)
async def test_a_record_counts_when_it_is_stored(answer: object, done: int, failed: int) -> None:
    writes = Writes()
    store = CountedStore(Outside(answer), writes=writes)
    assert await store.load(ObjectKey("WebhookEndpoint", "shop", "crm")) == (None, 7)
    if isinstance(answer, Unavailable):
        with pytest.raises(Unavailable):
            await store.save(RECORD, revision=7)
    else:
        assert await store.save(RECORD, revision=7) == answer
    assert writes == Writes(done, failed)


@pytest.mark.parametrize(
    ("answer", "dry_run", "done", "failed"),
    [
        pytest.param("uid", None, 1, 0, id="applied"),
        pytest.param("uid", "All", 0, 0, id="a dry run"),
        pytest.param(Unavailable("NotFound", "x"), None, 0, 0, id="the object is gone"),
        pytest.param(Unavailable("Refused", "x"), None, 0, 1, id="refused"),
        pytest.param(Unavailable("APIServerUnreachable", "x"), "All", 0, 1, id="no answer"),
    ],
)
async def test_a_status_counts_when_it_is_applied(answer: object, dry_run: str | None, done: int, failed: int) -> None:
    writes = Writes()
    applied = CountedApi(Outside(answer), writes=writes).apply_status(
        "WebhookEndpoint", namespace="shop", name="crm", status={}, dry_run=dry_run
    )
    if isinstance(answer, Unavailable):
        with pytest.raises(Unavailable):
            await applied
    else:
        assert await applied == answer
    assert writes == Writes(done, failed)
