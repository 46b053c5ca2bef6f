"""The signatures that each request carries: their schemes, and the options of each."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Annotated, Any, ClassVar, Literal

from pydantic import Field

from jethook_operator.api.headers import HeaderName
from jethook_operator.api.meta import ApiModel, SecretReference
from jethook_operator.api.rules import ListType, Rule, spelled

Preset = Literal["GitHub", "Stripe", "Shopify"]

PRESET_HEADERS: Mapping[Preset, str] = {
    "GitHub": "X-Hub-Signature-256",
    "Stripe": "Stripe-Signature",
    "Shopify": "X-Shopify-Hmac-Sha256",
}
# RFC 9421, section 4; RFC 9530, section 2. In lower case, as everything that is compared here.
_SCHEME_HEADERS: Mapping[str, tuple[str, ...]] = {
    "StandardWebhooks": ("webhook-signature",),
    "HTTPMessageSignatures": ("signature", "signature-input", "content-digest"),
}

_PREFIX_RULE = spelled(
    r"[\x21-\x7e][\x20-\x7e]*", message="must be printable ASCII and begin with no space; correct it"
)
_Prefix = Annotated[str, Field(min_length=1, max_length=64), _PREFIX_RULE]
_KEY_ID_RULE = spelled(
    r"[\x20\x21\x23-\x5b\x5d-\x7e]+", message="must be printable ASCII without quote and backslash; correct it"
)


class HTTPSignature(ApiModel):
    """Options of HTTPMessageSignatures (RFC 9421)."""

    algorithm: Literal["ed25519", "hmac-sha256", "ecdsa-p256-sha256"]
    """The algorithm by its registered name: ed25519, hmac-sha256 or ecdsa-p256-sha256. The Secret holds a private key
    in PEM (PKCS 8), for hmac-sha256 the base64 of the shared key."""
    key_id: Annotated[str, Field(min_length=1, max_length=256), _KEY_ID_RULE] = Field(alias="keyID")
    """The parameter keyid, by which the receiver finds the key to verify with."""


class HMACHeader(ApiModel):
    """Options of HMAC: one header with the HMAC of the body, as a known platform has it or as given here."""

    rules: ClassVar[tuple[Rule, ...]] = (
        Rule(
            cel="has(self.preset) != has(self.header)",
            message="must have exactly one of preset and header",
            check=lambda hmac: (hmac.preset is None) is not (hmac.header is None),
        ),
        Rule(
            cel="!has(self.preset) || !(has(self.hash) || has(self.encoding) || has(self.prefix)"
            " || has(self.signsTimestamp) || has(self.timestampPrefix) || has(self.several))",
            message="a preset says everything else too; remove the other fields, or remove preset and give header",
            check=lambda hmac: hmac.preset is None or not hmac.details(),
        ),
        Rule(
            cel="!has(self.timestampPrefix) || (has(self.signsTimestamp) && self.signsTimestamp)",
            message="timestampPrefix needs signsTimestamp: true, since what is not signed proves nothing; set it",
            check=lambda hmac: hmac.timestamp_prefix is None or hmac.signs_timestamp is True,
        ),
    )

    preset: Preset | None = None
    """As a known platform signs. GitHub: X-Hub-Signature-256 with sha256=<hex>. Stripe: Stripe-Signature with
    t=<Unix seconds>,v1=<hex> of time and body. Shopify: X-Shopify-Hmac-Sha256 with base64."""
    header: HeaderName | None = None
    """Name of the header, instead of preset. Names that Jethook sets itself are refused."""
    hash: Literal["SHA256", "SHA1", "SHA512"] | None = None
    """The hash function: SHA256, SHA1 or SHA512. Default: SHA256."""
    encoding: Literal["Hex", "Base64"] | None = None
    """How the signature is written: Hex or Base64. Default: Hex."""
    prefix: _Prefix | None = None
    """What stands before the signature, e.g. sha256=. Default: nothing."""
    signs_timestamp: bool | None = None
    """Set to true to sign <Unix seconds>.<body> instead of the body alone. Default: false."""
    timestamp_prefix: _Prefix | None = None
    """With signsTimestamp: writes <timestampPrefix><Unix seconds> and a comma before the signature, e.g. t=. Default:
    the time stands in webhook-timestamp alone."""
    several: bool | None = None
    """Set to true to sign with both keys of the Secret during a rotation, each as ,<prefix><signature>. Default: false:
    `current` alone signs."""

    def details(self) -> bool:
        """Tell whether anything is given beside preset and header."""
        options = (self.hash, self.encoding, self.prefix, self.signs_timestamp, self.timestamp_prefix, self.several)
        return any(one is not None for one in options)

    def written_header(self) -> str:
        """Give the name of the header as it is sent; empty while neither preset nor header is given."""
        return PRESET_HEADERS[self.preset] if self.preset is not None else self.header or ""


class Signing(ApiModel):
    """One signature that each request carries."""

    rules: ClassVar[tuple[Rule, ...]] = (
        Rule(
            cel="(self.scheme == 'HTTPMessageSignatures') == has(self.http)",
            message="scheme HTTPMessageSignatures needs http, and no other takes it; add it or remove it",
            check=lambda signing: (signing.scheme == "HTTPMessageSignatures") is (signing.http is not None),
        ),
        Rule(
            cel="(self.scheme == 'HMAC') == has(self.hmac)",
            message="scheme HMAC needs hmac, and no other takes it; add it or remove it",
            check=lambda signing: (signing.scheme == "HMAC") is (signing.hmac is not None),
        ),
    )

    scheme: Literal["StandardWebhooks", "HTTPMessageSignatures", "HMAC"]
    """How to sign. StandardWebhooks: the headers webhook-id, webhook-timestamp, webhook-signature; with a key whsec_...
    by HMAC-SHA256 (v1), with a key whsk_... by ed25519 (v1a). HTTPMessageSignatures: the headers signature,
    signature-input and content-digest (RFC 9421). HMAC: one header that hmac describes."""
    secret_ref: SecretReference
    """The Secret with the keys: `current` signs; `previous`, where there is one, signs too, so that receivers can
    change over (not with HMAC, unless several is true or the preset is Stripe)."""
    http: HTTPSignature | None = None
    """Options of HTTPMessageSignatures."""
    hmac: HMACHeader | None = None
    """Options of HMAC."""

    def written_headers(self) -> tuple[str, ...]:
        """List the headers that it writes, in lower case."""
        if self.scheme == "HMAC":
            return (self.hmac.written_header().lower(),) if self.hmac else ()
        return _SCHEME_HEADERS[self.scheme]


def written_headers_cel(signing: str) -> str:
    """Spell `written_headers` in CEL, for the variable that holds one signature."""
    presets = {preset: [name.lower()] for preset, name in PRESET_HEADERS.items()}
    own = f"(has({signing}.hmac.header) ? [{signing}.hmac.header.lowerAscii()] : [])"
    hmac = f"(has({signing}.hmac.preset) ? {_cel(presets)}[{signing}.hmac.preset] : {own})"
    schemes = {scheme: list(names) for scheme, names in _SCHEME_HEADERS.items()}
    return f"({signing}.scheme != 'HMAC' ? {_cel(schemes)}[{signing}.scheme] : has({signing}.hmac) ? {hmac} : [])"


def _cel(value: Mapping[Any, Sequence[str]]) -> str:
    return json.dumps(value).replace('"', "'")


def _pairs_once(entries: tuple[Signing, ...]) -> bool:
    pairs = [(entry.scheme, entry.secret_ref.name) for entry in entries if entry.scheme != "HMAC"]
    return len(set(pairs)) == len(pairs)


def _headers_once(entries: tuple[Signing, ...]) -> bool:
    written = [name for entry in entries for name in entry.written_headers()]
    return all(
        written.count(name) == 1 for entry in entries if entry.scheme == "HMAC" for name in entry.written_headers()
    )


# Standard Webhooks and RFC 9421 put the signatures of several entries side by side into their headers; HMAC cannot.
Signatures = Annotated[
    tuple[Signing, ...],
    Field(max_length=8, strict=False),
    ListType("atomic"),
    Rule(
        cel="self.all(a, a.scheme == 'HMAC'"
        " || self.exists_one(b, b.scheme == a.scheme && b.secretRef.name == a.secretRef.name))",
        message="must name each pair of scheme and Secret once; remove the repeated entry",
        check=_pairs_once,
    ),
    Rule(
        cel=f"self.all(a, a.scheme != 'HMAC' || {written_headers_cel('a')}.all(name, "
        f"self.exists_one(b, name in {written_headers_cel('b')})))",
        message="the header of an HMAC must be written by no other signature; give each its own header",
        check=_headers_once,
    ),
]
