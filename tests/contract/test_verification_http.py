"""Receivers accept what carries a valid HTTP message signature (RFC 9421), and nothing else."""

from __future__ import annotations

import base64
import hashlib
import hmac

import pytest
from pydantic import SecretStr

from jethook_contract.errors import Invalid
from jethook_contract.verification_http import fits, signature_base, verify_http
from jethook_contract.verification_http_input import byte_members, signature_inputs
from jethook_contract.verification_keys import verification_key

# RFC 9421, appendix B.1 (keys) and B.2 (messages).
ED25519 = SecretStr(
    "-----BEGIN PUBLIC KEY-----\nMCowBQYDK2VwAyEAJrQLj5P/89iXES9+vFgrIy29clF9CC/oPPsw3c5D0bs=\n-----END PUBLIC KEY-----"
)
P256 = SecretStr(
    "-----BEGIN PUBLIC KEY-----\nMFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAEqIVYZVLCrPZHGHjP17CTW0/+D9Lf\n"
    "w0EkjqF7xB4FivAxzic30tMM4GF+hR6Dxh71Z50VGGdldkkDXZCnTNnoXQ==\n-----END PUBLIC KEY-----"
)
SHARED = SecretStr("uzvJfB4u3N0Jy4T7NZ75MDVcr8zSTInedJtkgcu46YW4XByzNJjxBdtjUkdJPBtbmHhIDi6pcl8jsasjlTMtDQ==")
CREATED = 1618884473
URL = "https://example.com/foo?param=Value&Pet=dog"
BODY = b'{"hello": "world"}'
REQUEST = {
    "Host": "example.com",
    "Date": "Tue, 20 Apr 2021 02:07:55 GMT",
    "Content-Type": "application/json",
    "Content-Digest": "sha-512=:WZDPaVn/7XgHaAy8pmojAkGWoRx2UFChF41A2svX+TaP"
    "m+AbwAgBWnrIiYllu7BNNyealdVLvRwEmTHWXvJwew==:",
    "Content-Length": "18",
}
B25 = {
    "Signature-Input": 'sig-b25=("date" "@authority" "content-type");created=1618884473;keyid="test-shared-secret"',
    "Signature": "sig-b25=:pxcQw6G3AjtMBQjwo8XzkZf/bws5LelbaMk5rGIGtE8=:",
}
B26 = {
    "Signature-Input": 'sig-b26=("date" "@method" "@path" "@authority" "content-type" "content-length")'
    ';created=1618884473;keyid="test-key-ed25519"',
    "Signature": "sig-b26=:wqcAqbmYJ2ji2glfAMaRy4gruYYnx2nEFN2HN6jrnDnQCK1u02Gb04v9EDgwUPiu4A0w6vuQv5lIp5WPpBKRCw==:",
}
B24_INPUT = (
    'sig-b24=("@status" "content-type" "content-digest" "content-length");created=1618884473;keyid="test-key-ecc-p256"'
)
B24_SIGNATURE = "sig-b24=:wNmSUAhwb5LxtOtOpNa6W5xj067m5hFrj0XQ4fvpaCLx0NKocgPquLgyahnzDnDAUy5eCdlYUEkLIj+32oiasw==:"
B24_VALUES = {
    "@status": "200",
    "content-type": "application/json",
    "content-digest": "sha-512=:mEWXIS7MaLRuGgxOBdODa3xqM1XdEvxoYhvlCFJ41QJg"
    "Jc4GTsPp29l5oGX69wWdXymyU0rjJuahq4l5aGgfLQ==:",
    "content-length": "23",
}


@pytest.mark.parametrize(
    ("signed", "key", "scheme"), [(B25, SHARED, "hmac-sha256"), (B26, ED25519, "ed25519")], ids=["B.2.5", "B.2.6"]
)
def test_the_published_requests_are_accepted(signed: dict[str, str], key: SecretStr, scheme: str) -> None:
    verified = verify_http(
        {**REQUEST, **signed}, BODY, method="POST", url=URL, keys=[P256, key], now=CREATED + 10, required=()
    )
    assert (verified.scheme, verified.key, verified.timestamp) == (scheme, 1, CREATED)


def test_the_published_response_is_accepted_with_p256() -> None:
    base = signature_base(signature_inputs(B24_INPUT)["sig-b24"], value_of=B24_VALUES.__getitem__)
    signature = byte_members(B24_SIGNATURE, header="signature")["sig-b24"]
    key = verification_key(P256)
    assert fits(key, signature=signature, base=base)
    assert not fits(key, signature=signature, base=base + b" ")
    assert not fits(key, signature=signature[:-1], base=base)


@pytest.mark.parametrize(
    ("change", "url", "method"),
    [
        ({"Date": "Tue, 20 Apr 2021 02:07:56 GMT"}, URL, "POST"),
        ({"Content-Length": "19"}, URL, "POST"),
        ({}, "https://example.com/bar", "POST"),
        ({}, "https://evil.example.com/foo", "POST"),
        ({}, URL, "PUT"),
        ({"Signature": B25["Signature"].replace("b25", "b26")}, URL, "POST"),
    ],
)
def test_a_change_of_what_is_covered_is_refused(change: dict[str, str], url: str, method: str) -> None:
    with pytest.raises(Invalid, match="SignatureMismatch"):
        verify_http(
            {**REQUEST, **B26, **change}, BODY, method=method, url=url, keys=[ED25519], now=CREATED, required=()
        )


SECRET = b"0123456789abcdef"
KEY = SecretStr("whsec_" + base64.b64encode(SECRET).decode())
COVERED = '("@method" "@target-uri" "content-digest")'
PARAMETERS = f';created={CREATED};keyid="k";alg="hmac-sha256"'
DIGEST = f"sha-256=:{base64.b64encode(hashlib.sha256(BODY).digest()).decode()}:"


def signed_by_hand(parameters: str = PARAMETERS, *, digest: str = DIGEST) -> dict[str, str]:
    base = (
        f'"@method": POST\n"@target-uri": {URL}\n"content-digest": {digest}\n"@signature-params": {COVERED}{parameters}'
    )
    value = base64.b64encode(hmac.digest(SECRET, base.encode(), "sha256")).decode()
    return {
        "content-digest": digest,
        "signature-input": f"sig1={COVERED}{parameters}",
        "signature": f"sig1=:{value}:",
    }


def check(headers: dict[str, str], *, body: bytes = BODY, key: SecretStr = KEY, now: float = CREATED) -> None:
    verify_http(headers, body, method="POST", url=URL, keys=[key], now=now, key_id="k")


def test_a_request_signed_by_hand_is_accepted() -> None:
    check(signed_by_hand())
    check(signed_by_hand(f';created={CREATED};expires={CREATED + 9};keyid="k";nonce="a\\"b"'))


@pytest.mark.parametrize(
    ("headers", "body", "now", "reason"),
    [
        pytest.param(signed_by_hand(), b"{}", CREATED, "BadDigest", id="changed body"),
        pytest.param(signed_by_hand(digest="md5=:AAAA:"), BODY, CREATED, "BadDigest", id="unknown digest"),
        pytest.param(signed_by_hand(), BODY, CREATED + 301, "StaleTimestamp", id="replayed later"),
        pytest.param(signed_by_hand(), BODY, CREATED - 301, "StaleTimestamp", id="from the future"),
        pytest.param(signed_by_hand(';keyid="k"'), BODY, CREATED, "BadTimestamp", id="no time"),
        pytest.param(
            signed_by_hand(f';created={CREATED};expires={CREATED + 9};keyid="k"'),
            BODY, CREATED + 10, "StaleTimestamp", id="expired",
        ),
        pytest.param(signed_by_hand(f';created={CREATED};keyid="j"'), BODY, CREATED, "UnknownKey", id="another keyid"),
        pytest.param(
            signed_by_hand(f';created={CREATED};keyid="k";alg="ed25519"'),
            BODY, CREATED, "SignatureMismatch", id="another algorithm",
        ),
        pytest.param({**signed_by_hand(), "signature": "s=:AAAA:"}, BODY, CREATED, "MissingHeader", id="no such label"),
        pytest.param({**signed_by_hand(), "signature": ""}, BODY, CREATED, "MissingHeader", id="no signature"),
        pytest.param({}, BODY, CREATED, "MissingHeader", id="nothing"),
        pytest.param(
            {**signed_by_hand(), "signature-input": f'sig1=("@method");created={CREATED};keyid="k"'},
            BODY, CREATED, "NotCovered", id="body not covered",
        ),
    ],
)  # fmt: skip
def test_an_invalid_request_is_refused_with_the_reason(
    headers: dict[str, str], body: bytes, now: float, reason: str
) -> None:
    with pytest.raises(Invalid) as refusal:
        check(headers, body=body, now=now)
    assert refusal.value.reason == reason


@pytest.mark.parametrize(
    "value",
    [
        "sig1",
        "sig1=",
        "sig1=(",
        'sig1=("@method"',
        'sig1=("@method" "@method")',
        'sig1=("@Method")',
        'sig1=("a";bs)',
        'sig1=("a""b")',
        'sig1=("a");created=01',
        'sig1=("a");created=1;created=2',
        'sig1=("a"), sig1=("a")',
        'sig1=("a"),',
        'sig1=("a") sig2=("a")',
        ", ".join(f'sig{n}=("a")' for n in range(17)),
        "sig1=(" + " ".join(f'"a{n}"' for n in range(33)) + ")",
        'sig1=("' + "a" * 20000 + '")',
    ],
)
def test_a_malformed_signature_input_is_refused(value: str) -> None:
    with pytest.raises(Invalid, match="signature-input"):
        check({**signed_by_hand(), "signature-input": value})


def test_the_public_key_as_hmac_secret_is_refused() -> None:
    headers = signed_by_hand()
    headers["signature-input"] = headers["signature-input"].replace("hmac-sha256", "ed25519")
    with pytest.raises(Invalid, match="SignatureMismatch"):
        check(headers, key=ED25519)
