"""What nobody foresaw is a failed attempt, so that the event is counted and ends as a dead letter."""

from jethook_contract.plan import PoolPlan
from jethook_dispatcher.core.egress import EgressPolicy
from jethook_dispatcher.core.outcome import Outcome
from jethook_dispatcher.core.request import OutgoingRequest
from jethook_dispatcher.shell.beside import Beside
from jethook_dispatcher.shell.delivery import Deliverer
from jethook_dispatcher.shell.lane_egress import Egress
from jethook_dispatcher.shell.resolver import CachingResolver


class BrokenSession:
    async def post(self, *_: object, **__: object) -> None:
        raise AssertionError("hunter2")

    async def close(self) -> None:
        return None


async def test_any_exception_becomes_an_outcome_that_repeats_nothing_of_it() -> None:
    beside = Beside.open(EgressPolicy, resolver=CachingResolver(), origin="jethook")
    deliverer = Deliverer(BrokenSession(), beside=beside)  # type: ignore[arg-type]  # all that is asked of a session
    request = OutgoingRequest(url="https://crm.example.com/", headers=(), body=b"{}", timeout_seconds=5)
    outcome = await deliverer.deliver(request, before_write=lambda: True)
    await deliverer.close()
    assert isinstance(outcome, Outcome)
    assert (outcome.kind, outcome.reason, outcome.message) == ("Retry", "Internal", "internal error: AssertionError")


def test_an_address_once_protected_stays_so_whatever_comes_later() -> None:
    egress = Egress()
    egress.protect([("127.0.0.1", 4222)])
    egress.protect([("10.0.0.7", 4222)])
    egress.set_pool(PoolPlan(pool="default", allowed_cidrs=("127.0.0.0/8", "10.0.0.0/8")))
    for address in ("127.0.0.1", "10.0.0.7"):
        assert not egress.policy.judge(address, port=4222, plain=True).allowed
        assert egress.policy.judge(address, port=8080, plain=True).allowed
