"""`jethook verify`: say whether a recorded request carries a valid signature, and if not, why."""

from __future__ import annotations

import os
import sys
import time
from datetime import UTC, datetime
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer
from pydantic import SecretStr

from jethook_cli.recorded_request import RecordedRequest, read_body, read_headers, read_keys
from jethook_contract.errors import Invalid
from jethook_contract.verification import TOLERANCE_SECONDS, Verified
from jethook_contract.verification import verify as verify_standard
from jethook_contract.verification_hmac import FORMS, verify_hmac
from jethook_contract.verification_http import verify_http


class Scheme(StrEnum):
    """What `--scheme` takes: a scheme of `spec.signing`, or a preset of `HMAC`."""

    STANDARD_WEBHOOKS = "StandardWebhooks"
    HTTP_MESSAGE_SIGNATURES = "HTTPMessageSignatures"
    GITHUB = "GitHub"
    STRIPE = "Stripe"
    SHOPIFY = "Shopify"


_TELLTALE = {
    "webhook-signature": Scheme.STANDARD_WEBHOOKS,
    "signature-input": Scheme.HTTP_MESSAGE_SIGNATURES,
    **{form.header.lower(): Scheme(name) for name, form in FORMS.items()},
}


def verify(
    key: Annotated[
        list[str] | None,
        typer.Option(
            help="Key: whsec_..., whpk_..., base64, or the text of an HMAC secret. Others can see a command line: "
            "prefer --key-file or the variable JETHOOK_VERIFY_KEY. Repeat it during a rotation.",
        ),
    ] = None,
    key_file: Annotated[
        list[Path] | None, typer.Option(help="File of keys: one a line, or PEM public keys. May be repeated.")
    ] = None,
    headers_file: Annotated[Path | None, typer.Option(help="File of `name: value` lines, as `curl -D` writes.")] = None,
    header: Annotated[list[str] | None, typer.Option("--header", "-H", help="One header, `name: value`.")] = None,
    body_file: Annotated[Path, typer.Option(help="File of the body, byte for byte; `-` reads standard input.")] = Path(
        "-"
    ),
    scheme: Annotated[Scheme | None, typer.Option(help="What to verify; otherwise the headers tell.")] = None,
    method: Annotated[str, typer.Option(help="Method that an HTTP message signature covers.")] = "POST",
    url: Annotated[str | None, typer.Option(help="URL that an HTTP message signature covers.")] = None,
    at: Annotated[
        str | None, typer.Option(help="When it came: Unix seconds, or 2026-11-24T10:00:00Z. Default: now.")
    ] = None,
    ignore_time: Annotated[bool, typer.Option("--ignore-time", help="Accept a signature of any age.")] = False,
) -> None:
    """Verify a recorded request.

    Prints what was verified, or ends with 1 and one line that says what is wrong.
    """
    # Read here: typer would split the variable at spaces, which a secret and PEM hold.
    keys = read_keys(key or (), files=key_file or (), variable=os.environ.get("JETHOOK_VERIFY_KEY", ""))
    headers = read_headers(header or (), file=headers_file)
    chosen = scheme or _told_by(headers)
    request = RecordedRequest(headers=headers, body=read_body(body_file), method=method, url=url)
    now = time.time() if at is None else _moment(at)
    tolerance = None if ignore_time else float(TOLERANCE_SECONDS)
    verified = _verified(request, scheme=chosen, keys=keys, now=now, tolerance=tolerance)
    print(f"verified: {_described(verified, scheme=chosen, keys=len(keys), now=now)}")
    if verified.timestamp is None:
        print("this scheme signs no time: a request may be a replay", file=sys.stderr)


def _verified(
    request: RecordedRequest, *, scheme: Scheme, keys: tuple[SecretStr, ...], now: float, tolerance: float | None
) -> Verified:
    headers, body = request.headers, request.body
    if scheme is Scheme.STANDARD_WEBHOOKS:
        return verify_standard(headers, body, keys=keys, now=now, tolerance_seconds=tolerance)
    if scheme is not Scheme.HTTP_MESSAGE_SIGNATURES:
        form = FORMS[scheme.value]
        return verify_hmac(headers, body, form=form, keys=keys, now=now, tolerance_seconds=tolerance)
    if request.url is None:
        raise Invalid("NoURL", "an HTTP message signature covers the URL: give --url as the sender has it")
    return verify_http(
        headers, body, method=request.method, url=request.url, keys=keys, now=now, tolerance_seconds=tolerance
    )


def _told_by(headers: dict[str, str]) -> Scheme:
    for name, scheme in _TELLTALE.items():
        if name in headers:
            return scheme
    raise Invalid("NoSignature", f"no header carries a signature: looked for {', '.join(_TELLTALE)}; give --scheme")


def _described(verified: Verified, *, scheme: Scheme, keys: int, now: float) -> str:
    what = scheme.value if verified.scheme == "HMAC" else f"{scheme.value} {verified.scheme}"
    return ", ".join([what, f"key {verified.key + 1} of {keys}", *_age(verified.timestamp, now=now)])


def _age(timestamp: int | None, *, now: float) -> list[str]:
    if timestamp is None:
        return []
    seconds = round(now - timestamp)
    return [f"{seconds} s old" if seconds >= 0 else f"{-seconds} s from the future"]


def _moment(text: str) -> float:
    if text.isascii() and text.isdigit():
        return float(text)
    try:
        moment = datetime.fromisoformat(text)
    except ValueError as exc:
        raise Invalid("BadTime", "--at is neither Unix seconds nor a time like 2026-11-24T10:00:00Z") from exc
    return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()
