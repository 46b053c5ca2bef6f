"""Awkward values, given to the real API server and to `parse`: what one accepts the other accepts too.

The rules are written twice, as CEL and as Python; this table is what keeps the two alike.
"""

import re
from collections.abc import Callable
from typing import Any

import pytest
import yaml

from hack.kubernetes import ApiServer
from jethook_contract.errors import Invalid
from jethook_operator.api.parse import parse

ORDERS = "https://hooks.example.com/orders"


def words(text: str) -> list[str]:
    return text.split()


URLS = words("""
https://a http://a:1 https://a:65535 https://a:65536 https://a:0 https://a:080 https://a: https://a:b https:// https:///a
HTTPS://a https:/a https:a //a a /a https://a? https://a?? https://a?b?c https://a?b=%zz https://a/%4 https://a/%41
https://[::1]/ https://[::1]:8443/ https://[::1 https://::1/ https://[::ffff:169.254.169.254]/ https://169.254.169.254/x
https://[1.2.3.4]/ https://[:::1]/ https://[fe80::1%25eth0]/ https://a_b.example/ https://-a.example/ https://a..b/
https://a@b/ https://a:b@c/ https://@a/ https://a/@b https://a/b:c@d https://a?x@y https://a#b https://a/?b#c
https://a/{b} https://a/b|c https://a\\b https://a/"b" https://a/<b> https://bücher.example/ https://a/ü
https://a/-._~!$&'()*+,;=:@/ https://a/[b] https://a//b https://a/../b javascript:alert(1) file:///etc/passwd
""")
URLS += ["", " ", "https://a/b c", " https://a/", "https://a/ ", "https://a/\n", "https://a\r\n/", "https://a/\x00"]
URLS += [f"https://a/{'b' * 2038}", f"https://a/{'b' * 2039}"]
HEADER_NAMES = words("""
X-A x a.b ` |~ A_B 1 X:A X(A) Ü Host HOST content-type Content-Length te test expect webhook- Webhook CE-id cent
jethook-attempt X-Jethook-A Connection connections
""")
HEADER_NAMES += ["", " ", "X A", "X\n", "x" * 128, "x" * 129]
HEADER_VALUES = ["", " ", "a", "a\tb", "a\nb", "a\r", "\x00", "\x1f", "\x7f", "\x80", "é", "😀", "v" * 4096, "v" * 4097]
EVENT_TYPES = words(
    "a a.b * ** *.* *.** a.** **.a *** a* *a a.*b a.**.b a.*** a.*.*.** . .a a. a..b a.é a>b > a.> % 😀"
)
EVENT_TYPES += ["", " ", "a b", "a\tb", "a\nb", "a\n", "\x7f", "\x85", "\u2028", "t" * 512, "t" * 513, "😀" * 512]
CIDRS = words("""
10.0.0.0/8 10.0.0.0 10.0.0.1/8 10.0.0.1/32 0.0.0.0/0 ::/0 ::1/128 fd00::/8 fd00::1/8 10.0.0.0/08 10.0.0.0/33 /8
010.0.0.0/8 10.0.0/24 10.0.0.0/255.0.0.0 ::ffff:10.0.0.0/104 ::/129 a 10.0.0.0/ 10.0.0.0/-1 fe80::%eth0/64 FD00::/8
64:ff9b::/96 ::ffff:0:0/96 ::/96 10.0.0.0/8/8 0/0 1.2.3.4.5/8 ::1.2.3.4/128
""")
CIDRS += ["", " 10.0.0.0/8", "10.0.0.0/8\n"]
NAMES = ["a", "a1", "1a", "a-b", "a.b", "a" * 63, "a" * 64]
LABELS = [*NAMES, "", "-a", "a-", "A", "a_b", "a\n", "ä"]
SECRETS = ["a", "a.b", "a..b", ".a", "a.", "A", "a/b", "../a", "", "a" * 253, "a" * 254]
KEYS = ["a", "A.b_c-1", "a/b", "..", "a b", "", "é", "a" * 253, "a" * 254]
ATTRIBUTES = ["id", "a1", "1a", "data", "dataschema", "A", "a_b", "a.b", "a b", "ä", "a\n", "", "a" * 64, "a" * 65]
INNERMOST: list[Any] = [
    *[
        {"exact": {"id": "a"}},
        {},
        {"exact": None},
        {"exact": {}},
        {"exact": {"id": ""}},
        {"exact": {"id": 1}},
        "a",
        None,
    ],
    *[{"exact": {"id": None}}, {"exact": {"id": "v" * 1024}}, {"exact": {"id": "v" * 1025}}, {"exact": ["id"]}],
    *[{"exact": {"id": "a"}, "prefix": {"id": "a"}}, {"suffix": {f"a{n}": "a" for n in range(9)}}],
]
DIALECTS = INNERMOST + [{"not": one} for one in INNERMOST] + [{"all": [{"any": [one]}]} for one in INNERMOST]
DIALECTS += [{"not": {"not": {"not": {"exact": {"id": "a"}}}}}, {"any": []}, {"any": [{"exact": {"id": "a"}}] * 9}]
NUMBERS: list[Any] = [0, 1, 20, 1000, 1001, -1, 2**63, "20", True, None, [], {}, 1.5, 20.0, 1e2]

REF: dict[str, Any] = {"secretRef": {"name": "a"}}
STANDARD = {"scheme": "StandardWebhooks", **REF}
HTTP: dict[str, Any] = {"scheme": "HTTPMessageSignatures", **REF, "http": {"algorithm": "ed25519", "keyID": "a"}}


def hmac(**options: Any) -> dict[str, Any]:
    return {"scheme": "HMAC", **REF, "hmac": options}


OTHER = {"secretRef": {"name": "b"}}
SIGNATURES: list[Any] = [
    *[[STANDARD], [STANDARD, STANDARD], [STANDARD, {**STANDARD, **OTHER}], [HTTP, {**HTTP, **OTHER}], [HTTP, HTTP]],
    *[[{**STANDARD, "http": None, "hmac": None}], [{**STANDARD, "hmac": {}}], [{**HTTP, "http": None}], [None], None],
    *[[{**HTTP, "hmac": {"preset": "GitHub"}}], [{"scheme": "HMAC", **REF}], [hmac()], [hmac(preset="GitHub")]],
    *[[hmac(header="A"), hmac(header="a")], [hmac(header="A"), hmac(header="B")], [HTTP, hmac(header="SIGNATURE")]],
    *[[HTTP, hmac(header="Content-Digest")], [STANDARD, hmac(header="Signature")], [hmac(header="Webhook-Signature")]],
    *[[hmac(preset="Stripe"), hmac(header="stripe-signature")], [hmac(preset="Stripe"), hmac(preset="Shopify")]],
    *[[hmac(preset="Stripe", several=None)], [hmac(preset="Stripe", several=False)], [hmac(header="A", prefix="")]],
    *[[hmac(header="A", timestampPrefix="t=")], [hmac(header="A", timestampPrefix="t=", signsTimestamp=False)]],
    *[[hmac(header="A", timestampPrefix="t=", signsTimestamp=True)], [hmac(header="A", prefix=" a")], [STANDARD] * 9],
    *[[{**HTTP, "http": {"algorithm": "ed25519", "keyID": key}}] for key in ("", "a b", 'a"b', "a\\b", "ä", "k" * 257)],
]
BASIC = {"basic": REF}
BEARER = {"bearer": {"secretKeyRef": {"name": "a", "key": "b"}}}
OAUTH2 = {"tokenURL": ORDERS, **REF}
AUTHENTICATIONS: list[Any] = [
    *[None, {}, [], BASIC, BEARER, {**BASIC, **BEARER}, {**BASIC, "bearer": None}, {"bearer": REF}, {"basic": {}}],
    *[{"oauth2ClientCredentials": {**OAUTH2, **more}} for more in ({}, {"audience": ""}, {"audience": None})],
    *[{"oauth2ClientCredentials": {**OAUTH2, "scopes": scopes}} for scopes in (["a", "a"], ["a", "A"], [""], None, [])],
    *[{"oauth2ClientCredentials": {**OAUTH2, "clientAuthentication": kind}} for kind in ("Basic", "Body", "body")],
    *[{"oauth2ClientCredentials": {**OAUTH2, "tokenURL": url}} for url in ("https://a:b@c/", "a", "https://a/#b")],
    *[{"oauth2ClientCredentials": REF}, {"oAuth2ClientCredentials": OAUTH2}, {**BASIC, "oauth2ClientCredentials": {}}],
]
RETRIES: list[Any] = [
    *[{"scheduleSeconds": schedule} for schedule in (None, [], [0], [1], [604_800], [604_801], [1] * 100, [1] * 101)],
    *[
        {"scheduleSeconds": [1], name: value}
        for name, value in (("maxAttempts", 12), ("maxAttempts", 2), ("factor", 1))
    ],
    *[
        {"scheduleSeconds": [1], "jitterPercent": 0, "maxAgeSeconds": 60},
        {"scheduleSeconds": [1], "maxDelaySeconds": 5},
    ],
]
TOGETHER: list[dict[str, Any]] = [
    *[{}, {"url": None}, {"targets": [{"url": ORDERS}]}, {"url": None, "targets": [{"url": ORDERS, "weight": None}]}],
    *[{"url": None, "targets": targets} for targets in ([], [{"url": ORDERS}] * 2, [{"url": "a"}], [{"weight": 1}])],
    *[{"headers": [{"name": name, "value": "a"}], "authentication": BASIC} for name in ("AUTHORIZATION", "X-Auth")],
    *[{"headers": [{"name": name, "value": "a"}], "signing": [HTTP]} for name in ("Signature", "X-Signature")],
    *[{"headers": [{"name": "x-a", "value": "a"}], "signing": [hmac(header=name)]} for name in ("X-A", "X-B")],
    *[{"signing": [hmac(header="authorization")], "authentication": one} for one in (BASIC, None)],
    *[{"headers": None, "signing": None, "authentication": BEARER, "tls": None, "circuitBreaker": None}],
    *[{"limits": {"burst": 1}}, {"limits": {"burst": 1, "requestsPerSecond": 1}}, {"handshake": "none"}],
    *[{"circuitBreaker": {"openSeconds": 901}}, {"circuitBreaker": {"openSeconds": 901, "maxOpenSeconds": 901}}],
]


def endpoint(**spec: Any) -> dict[str, Any]:
    return {"kind": "WebhookEndpoint", "spec": {"url": ORDERS, **spec}}


def subscription(**spec: Any) -> dict[str, Any]:
    return {"kind": "Subscription", "spec": {"endpointRef": {"name": "a"}, "eventTypes": ["a"], **spec}}


def named(name: str) -> dict[str, Any]:
    return {**endpoint(), "metadata": {"name": name}}


TABLES: dict[str, tuple[Callable[[Any], dict[str, Any]], list[Any]]] = {
    "url": (lambda url: endpoint(url=url), URLS),
    "header name": (lambda name: endpoint(headers=[{"name": name, "value": "a"}]), HEADER_NAMES),
    "header value": (lambda value: endpoint(headers=[{"name": "a", "value": value}]), HEADER_VALUES),
    "event type": (lambda one: subscription(eventTypes=[one]), EVENT_TYPES),
    "attribute": (lambda name: subscription(filter={"dialects": [{"prefix": {name: "a"}}]}), ATTRIBUTES),
    "dialect": (lambda dialect: subscription(filter={"dialects": [dialect]}), DIALECTS),
    "selection": (
        lambda spec: subscription(**spec),
        [
            {"batch": {}},
            {"batch": {}, "ordering": {"keyFrom": "a"}},
            {"batch": None, "ordering": {"keyFrom": "a"}},
            {"batch": {}, "format": "Data"},
            {"merge": {"keyFrom": "a", "windowSeconds": 1}, "format": "Data"},
            {"merge": {"keyFrom": "a", "windowSeconds": 1, "strategy": "Collect"}, "format": "Data"},
            {"retry": {"maxAgeSeconds": 604_800}},
            {"retry": {"maxAgeSeconds": 604_801}},
            {"retry": {"maxAgeSeconds": 604_801}, "backlog": {"maxAgeSeconds": 604_801}},
            {"retry": {"maxAgeSeconds": 604_801}, "backlog": None},
            {"retry": {}, "backlog": {"maxAgeSeconds": 60}},
            {"filter": None},
            {"filter": {"dialects": None}},
        ],
    ),
    "signing": (lambda signatures: endpoint(signing=signatures), SIGNATURES),
    "authentication": (lambda authentication: endpoint(authentication=authentication), AUTHENTICATIONS),
    "retry": (lambda retry: endpoint(retry=retry), RETRIES),
    "fields together": (lambda spec: endpoint(**spec), TOGETHER),
    "cidr": (lambda one: {"kind": "DispatcherPool", "spec": {"egress": {"allowedCIDRs": [one]}}}, CIDRS),
    "name": (named, NAMES),
    "endpoint name": (lambda name: subscription(endpointRef={"name": name}), LABELS),
    "secret name": (
        lambda name: endpoint(signing=[{"scheme": "StandardWebhooks", "secretRef": {"name": name}}]),
        SECRETS,
    ),
    "secret key": (
        lambda key: endpoint(headers=[{"name": "a", "valueFrom": {"secretKeyRef": {"name": "a", "key": key}}}]),
        KEYS,
    ),
    "integer": (lambda number: endpoint(limits={"maxInFlight": number}), NUMBERS),
    "object": (lambda value: endpoint(retry=value), [None, {}, [], "", 1, {"a": 1}, {"factor": None}]),
    "boolean": (lambda value: endpoint(suspend=value), [True, False, None, 0, "true", []]),
    "list": (lambda value: subscription(eventTypes=value), [None, [], {}, "a", ["a", None], ["a", 1], [["a"]], ["a"]]),
    "reference": (
        lambda value: subscription(endpointRef=value),
        [{"name": "a"}, None, {}, "a", {"name": None}, {"name": 1}],
    ),
    "header": (
        lambda header: endpoint(headers=[header]),
        [
            None,
            {},
            "a",
            {"name": "a"},
            {"name": "a", "value": None},
            {"name": "a", "value": "b", "valueFrom": None},
            {"value": "a"},
        ],
    ),
}


def documents(table: str) -> list[dict[str, Any]]:
    """Make an object of each value, named by its place unless the table names it."""
    make, values = TABLES[table]
    made = [make(value) for value in values]
    return [
        {"apiVersion": "jethook.io/v1alpha1", "metadata": {"name": f"v{place}"}, **document}
        for place, document in enumerate(made)
    ]


def refused_here(document: dict[str, Any]) -> bool:
    try:
        parse(document)
    except Invalid:
        return True
    return False


def refused_there(kube: ApiServer, given: list[dict[str, Any]]) -> list[bool]:
    """Ask the API server about all of them in one run: it names on stdout those that it would take."""
    text = yaml.safe_dump_all(given)
    done = kube.kubectl("apply", "--dry-run=server", "-o", "name", "-f", "-", stdin=text, check=False)
    taken = set(re.findall(r"^[a-z]+\.jethook\.io/(\S+)$", done.stdout, re.MULTILINE))
    return [document["metadata"]["name"] not in taken for document in given]


@pytest.mark.api
@pytest.mark.parametrize("table", TABLES)
def test_the_api_server_and_parse_agree(kube: ApiServer, table: str) -> None:
    given = documents(table)
    there = refused_there(kube, given)
    here = [refused_here(document) for document in given]
    different = [(document, ours) for document, ours, theirs in zip(given, here, there, strict=True) if ours != theirs]
    assert different == []
    assert True in here
    assert False in here
