"""HTTP message signatures (RFC 9421): what is sent, judged by vectors, another library and our receivers."""

from __future__ import annotations

import base64
import warnings
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, ed25519
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat
from http_message_signatures import HTTPMessageVerifier, HTTPSignatureKeyResolver, InvalidSignature, algorithms
from hypothesis import given
from hypothesis import strategies as st
from pydantic import SecretStr

from jethook_contract.errors import Invalid
from jethook_contract.secrets import HttpSignature, SignatureAlgorithm, SigningKey
from jethook_contract.verification_http import verify_http
from jethook_dispatcher.core.signing_http import HttpSigner, signature_base, target_uri
from jethook_dispatcher.core.signing_mac import PreparedMac

URL = "https://hooks.example.com/orders?team=shop"
COVERED = ("@method", "@target-uri", "content-digest", "content-type", "webhook-id", "webhook-timestamp")
AT = 1795514400
ALGORITHMS = {
    "ed25519": algorithms.ED25519,
    "hmac-sha256": algorithms.HMAC_SHA256,
    "ecdsa-p256-sha256": algorithms.ECDSA_P256_SHA256,
}


@dataclass(frozen=True)
class Pair:
    """`private` as the Secret holds it, `public` as the receiver holds it, `raw` as the other library wants it."""

    algorithm: SignatureAlgorithm
    private: SecretStr
    public: SecretStr
    raw: bytes


def pair(algorithm: SignatureAlgorithm, number: int = 1) -> Pair:
    if algorithm == "hmac-sha256":
        secret = bytes([number]) * 32
        text = SecretStr(base64.b64encode(secret).decode())
        return Pair(algorithm, text, text, secret)
    private = (
        ed25519.Ed25519PrivateKey.from_private_bytes(bytes([number]) * 32)
        if algorithm == "ed25519"
        else ec.derive_private_key(number, ec.SECP256R1())
    )
    pem = private.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    public = private.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    return Pair(algorithm, SecretStr(pem.decode()), SecretStr(public.decode()), public)


def entry(*pairs: Pair, key_id: str = "shop-1") -> SigningKey:
    options = HttpSignature(algorithm=pairs[0].algorithm, key_id=key_id)
    return SigningKey(scheme="HTTPMessageSignatures", keys=tuple(one.private for one in pairs), http=options)


def signed(
    *entries: SigningKey, body: bytes = b"{}", url: str = URL, content_type: str = "text/plain"
) -> dict[str, str]:
    headers = HttpSigner(entries, urls=[url]).headers(
        body, content_type=content_type, webhook_id="msg_1", timestamp=AT, target=0
    )
    own = {"content-type": content_type, "webhook-id": "msg_1", "webhook-timestamp": str(AT)}
    return {**own, **dict(headers)}


@dataclass
class Message:
    headers: dict[str, str]
    url: str = URL
    method: str = "POST"


class Resolver(HTTPSignatureKeyResolver):  # type: ignore[misc, unused-ignore]
    def __init__(self, raw: bytes) -> None:
        self.raw = raw

    def resolve_public_key(self, key_id: str) -> bytes:
        assert key_id == "shop-1"
        return self.raw


class ByLabel(HTTPMessageVerifier):  # type: ignore[misc, unused-ignore]
    allow_label_only_selection = True


def other_library(headers: dict[str, str], key: Pair, *, body: bytes, label: str | None = None) -> list[Any]:
    verifier = ByLabel(signature_algorithm=ALGORITHMS[key.algorithm], key_resolver=Resolver(key.raw))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return list(
            verifier.verify(
                Message(headers),
                max_age=timedelta(days=36500),
                expect_label=label,
                require_components=COVERED,
                body=body,
            )
        )


def test_the_signature_base_meets_the_published_vectors() -> None:
    # RFC 9421, appendix B.2.5 (hmac-sha256) and B.2.6 (ed25519), with the keys of B.1.
    date = ("date", "Tue, 20 Apr 2021 02:07:55 GMT")
    b25 = [date, ("@authority", "example.com"), ("content-type", "application/json")]
    parameters = '("date" "@authority" "content-type");created=1618884473;keyid="test-shared-secret"'
    secret = "uzvJfB4u3N0Jy4T7NZ75MDVcr8zSTInedJtkgcu46YW4XByzNJjxBdtjUkdJPBtbmHhIDi6pcl8jsasjlTMtDQ=="
    mac = PreparedMac(base64.b64decode(secret)).digest(signature_base(b25, parameters=parameters))
    assert base64.b64encode(mac) == b"pxcQw6G3AjtMBQjwo8XzkZf/bws5LelbaMk5rGIGtE8="
    b26 = [date, ("@method", "POST"), ("@path", "/foo"), *b25[1:], ("content-length", "18")]
    parameters = (
        '("date" "@method" "@path" "@authority" "content-type" "content-length")'
        ';created=1618884473;keyid="test-key-ed25519"'
    )
    seed = base64.b64decode("n4Ni+HpISpVObnQMW0wOhCKROaIKqKtW/2ZYb2p9KcU=")
    signature = ed25519.Ed25519PrivateKey.from_private_bytes(seed).sign(signature_base(b26, parameters=parameters))
    assert base64.b64encode(signature).decode() == (
        "wqcAqbmYJ2ji2glfAMaRy4gruYYnx2nEFN2HN6jrnDnQCK1u02Gb04v9EDgwUPiu4A0w6vuQv5lIp5WPpBKRCw=="
    )


def test_the_headers_are_written_as_the_rfc_has_them() -> None:
    headers = signed(entry(pair("ed25519"), pair("ed25519", 2), key_id='a"b'), entry(pair("hmac-sha256")))
    covered = '("@method" "@target-uri" "content-digest" "content-type" "webhook-id" "webhook-timestamp")'
    first = f'{covered};created={AT};keyid="a\\"b";alg="ed25519"'
    assert headers["signature-input"] == (
        f'sig1={first}, sig1-previous={first}, sig2={covered};created={AT};keyid="shop-1";alg="hmac-sha256"'
    )
    assert [one.partition("=:")[0] for one in headers["signature"].split(", ")] == ["sig1", "sig1-previous", "sig2"]
    # The SHA-256 of {}.
    assert headers["content-digest"] == "sha-256=:RBNvo1WzZ4oRRq0W9+hknpT7T8If536DEMBg9hyq/4o=:"


@pytest.mark.parametrize("algorithm", list(ALGORITHMS))
def test_the_other_library_accepts_what_is_sent(algorithm: SignatureAlgorithm) -> None:
    key = pair(algorithm)
    result = other_library(signed(entry(key), body=b"abc"), key, body=b"abc")
    assert [one.body for one in result] == [b"abc"]
    with pytest.raises(InvalidSignature):
        other_library(signed(entry(key), body=b"abc"), key, body=b"abd")


@pytest.mark.parametrize("algorithm", list(ALGORITHMS))
@pytest.mark.parametrize(("known", "label"), [(1, "sig1"), (2, "sig1-previous")], ids=["new", "old"])
def test_a_receiver_with_the_old_or_the_new_key_accepts(algorithm: SignatureAlgorithm, known: int, label: str) -> None:
    keys = {number: pair(algorithm, number) for number in (1, 2)}
    headers = signed(entry(keys[1], keys[2]))
    verified = verify_http(headers, b"{}", method="POST", url=URL, keys=[keys[known].public], now=AT, key_id="shop-1")
    assert verified.scheme == algorithm
    assert other_library(headers, keys[known], body=b"{}", label=label)[0].label == label
    with pytest.raises(Invalid, match="SignatureMismatch"):
        verify_http(headers, b"{}", method="POST", url=URL, keys=[pair(algorithm, 3).public], now=AT)


@given(
    body=st.binary(),
    content_type=st.text(max_size=20),
    path=st.text(alphabet="abc%20/?=&+~-", max_size=20).map(lambda text: "/" + text),
    algorithm=st.sampled_from(sorted(ALGORITHMS)),
)
def test_whatever_is_signed_is_verified(
    body: bytes, content_type: str, path: str, algorithm: SignatureAlgorithm
) -> None:
    key, url = pair(algorithm), "https://hooks.example.com" + path
    headers = signed(entry(key), body=body, url=url, content_type=content_type)
    assert verify_http(headers, body, method="POST", url=url, keys=[key.public], now=AT).timestamp == AT


def test_each_target_has_its_own_signature() -> None:
    urls, key = ["https://a.example.com/in", "https://b.example.com/in"], pair("hmac-sha256")
    signer = HttpSigner([entry(key)], urls=urls)
    for target, url in enumerate(urls):
        headers = dict(signer.headers(b"", content_type="a/b", webhook_id="m", timestamp=AT, target=target))
        headers |= {"content-type": "a/b", "webhook-id": "m", "webhook-timestamp": str(AT)}
        assert verify_http(headers, b"", method="POST", url=url, keys=[key.public], now=AT)
        with pytest.raises(Invalid, match="SignatureMismatch"):
            verify_http(headers, b"", method="POST", url=urls[1 - target], keys=[key.public], now=AT)


@pytest.mark.parametrize(
    ("url", "uri"),
    [
        ("https://EXAMPLE.com:443", "https://example.com/"),
        ("http://example.com:80/a?", "http://example.com/a"),
        ("https://example.com:8443?b=c", "https://example.com:8443/?b=c"),
        ("https://user:pass@example.com/A%2fb?c=%20#d", "https://example.com/A%2fb?c=%20"),
        ("http://[2001:DB8::1]:8080/", "http://[2001:db8::1]:8080/"),
    ],
)
def test_the_target_uri_is_what_the_receiver_sees(url: str, uri: str) -> None:
    assert target_uri(url) == uri


@pytest.mark.parametrize("url", ["https://b\u00fccher.example/", "https://a b/", "https://a\n/", "https://[/"])
def test_a_url_that_cannot_be_signed_is_refused(url: str) -> None:
    with pytest.raises(Invalid, match="BadRequest"):
        target_uri(url)


P384 = ec.derive_private_key(1, ec.SECP384R1()).private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())


@pytest.mark.parametrize(
    ("algorithm", "key"),
    [
        ("ed25519", "no PEM"),
        ("ed25519", pair("ecdsa-p256-sha256").private.get_secret_value()),
        ("ecdsa-p256-sha256", pair("ed25519").private.get_secret_value()),
        ("ecdsa-p256-sha256", P384.decode()),
        ("ecdsa-p256-sha256", pair("ecdsa-p256-sha256").public.get_secret_value()),
        ("ed25519", "A" * 9000),
        ("hmac-sha256", "no base64!"),
        ("hmac-sha256", ""),
    ],
)
def test_a_bad_key_is_refused_without_repeating_it(algorithm: SignatureAlgorithm, key: str) -> None:
    options = HttpSignature(algorithm=algorithm, key_id="k")
    bad = SigningKey(scheme="HTTPMessageSignatures", keys=(SecretStr(key),), http=options)
    with pytest.raises(Invalid) as caught:
        HttpSigner([bad], urls=[URL])
    assert caught.value.reason == "BadSigningKey"
    assert not key or key not in str(caught.value)


def test_a_key_id_that_no_header_carries_is_refused() -> None:
    with pytest.raises(Invalid, match="keyID"):
        HttpSigner([entry(pair("ed25519"), key_id="a\nb")], urls=[URL])
