"""Who is looked at again when an object changes."""

import pytest

from jethook_operator.core.affected import affected
from jethook_operator.core.resources import Key, Kind
from tests.fakes.surroundings import World, endpoint, endpoint_key, subscription, subscription_key

SIGNED = {"signing": [{"scheme": "StandardWebhooks", "secretRef": {"name": "signing"}}]}
POOL = Key("DispatcherPool", "jethook-system", "eu")
OF_ORDERS = [subscription_key("one"), subscription_key("two"), endpoint_key("orders")]


@pytest.mark.parametrize(
    ("changed", "keys"),
    [
        (subscription_key("one"), [subscription_key("one")]),
        (endpoint_key("orders"), OF_ORDERS),
        (endpoint_key("missing"), [subscription_key("early"), endpoint_key("missing")]),
        (Key("Secret", "shop", "signing"), OF_ORDERS),
        (Key("Secret", "shop", "unused"), []),
        (POOL, [POOL, *OF_ORDERS]),
    ],
)
def test_a_change_leads_to_those_that_depend_on_it(changed: Key, keys: list[Key]) -> None:
    world = World()
    world.put(endpoint(poolRef={"name": "eu"}, **SIGNED), endpoint("other"))
    world.put(subscription("one"), subscription("two"), subscription("early", to="missing"))
    assert list(affected(changed, reader=world.store)) == keys


@pytest.mark.parametrize("kind", ["Subscription", "WebhookEndpoint", "DispatcherPool"])
def test_an_object_leads_to_itself_also_when_it_is_gone(kind: Kind) -> None:
    gone = Key(kind, "shop", "gone")
    assert affected(gone, reader=World().store) == (gone,)
