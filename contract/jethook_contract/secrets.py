"""What is sealed into a plan part: everything that comes from Secrets, and what belongs to it."""

from __future__ import annotations

from typing import Literal

from pydantic import SecretStr

from jethook_contract.record import Record

SigningScheme = Literal["StandardWebhooks", "HTTPMessageSignatures", "HMAC"]
SignatureAlgorithm = Literal["ed25519", "hmac-sha256", "ecdsa-p256-sha256"]
HmacHash = Literal["SHA256", "SHA1", "SHA512"]


class HttpSignature(Record):
    """Options of `HTTPMessageSignatures` (RFC 9421): the algorithm's registered name, and the key's id."""

    algorithm: SignatureAlgorithm
    key_id: str


class HmacHeader(Record):
    """Options of `HMAC`: one header that carries the HMAC of the body, as many platforms have it.

    What is signed is the body, or `<Unix seconds>.<body>` with `signs_timestamp`. The value is
    `<timestamp_prefix><Unix seconds>,<prefix><signature>`, its first half and the comma only where `timestamp_prefix`
    is not empty. `several`: each key adds `,<prefix><signature>`; otherwise the first key alone signs.
    """

    header: str
    hash: HmacHash = "SHA256"
    encoding: Literal["Hex", "Base64"] = "Hex"
    prefix: str = ""
    signs_timestamp: bool = False
    timestamp_prefix: str = ""
    several: bool = False


class SigningKey(Record):
    """The keys of one signature, as the Secret has them; the first is the current one.

    `StandardWebhooks`: `whsec_<base64>` or bare base64 signs as v1, `whsk_<base64>` (an ed25519 seed of 32 bytes, or
    seed and public key, 64) as v1a. `HTTPMessageSignatures`: a PEM private key (PKCS 8), for `hmac-sha256` base64.
    `HMAC`: the text itself, as UTF-8.
    """

    scheme: SigningScheme = "StandardWebhooks"
    keys: tuple[SecretStr, ...]
    http: HttpSignature | None = None
    hmac: HmacHeader | None = None


class Credentials(Record):
    """The secret half of `Authentication`; what its kind does not use is None.

    `username` and `password`: Basic. `token`: Bearer. `client_id` and `client_secret`: OAuth2ClientCredentials.
    """

    username: SecretStr | None = None
    password: SecretStr | None = None
    token: SecretStr | None = None
    client_id: SecretStr | None = None
    client_secret: SecretStr | None = None


class TlsMaterial(Record):
    """PEM texts: `ca` replaces the system's authorities; `certificate` (with its chain) and `key` are shown by us."""

    ca: SecretStr | None = None
    certificate: SecretStr | None = None
    key: SecretStr | None = None


class PlanSecrets(Record):
    """What is sealed into a part."""

    version: Literal[1] = 1
    headers: tuple[tuple[str, SecretStr], ...] = ()
    signing: tuple[SigningKey, ...] = ()
    credentials: Credentials = Credentials()
    tls: TlsMaterial = TlsMaterial()
