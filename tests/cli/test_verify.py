"""`jethook verify` says what holds, or in one line what does not."""

from __future__ import annotations

import base64
import hashlib
import hmac
from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner

from jethook_cli.verify import verify
from jethook_contract.errors import Invalid

app = typer.Typer()
app.command()(verify)

# The vector of the Standard Webhooks project's own libraries.
KEY = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
BODY = b'{"test": 2432232314}'
NOW = 1614265330
HEADERS = f"""POST /in HTTP/1.1
Webhook-Id: msg_p5jXN8AQM9LWM0D4loKWxJek
webhook-timestamp: {NOW}
webhook-signature: v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=
"""


@pytest.fixture
def files(tmp_path: Path) -> list[str]:
    (tmp_path / "key").write_text(f"whsec_{'A' * 32}\n\n{KEY}\n")
    (tmp_path / "headers").write_text(HEADERS)
    (tmp_path / "body").write_bytes(BODY)
    return [f"--{name}-file={tmp_path / name}" for name in ("key", "headers", "body")]


def run(*arguments: str, body: bytes = b"", env: dict[str, str] | None = None) -> tuple[int, str]:
    """Give the exit code, and the output or the message of the error that `main` prints."""
    result = CliRunner().invoke(app, list(arguments), input=body, env=env)
    if result.exception is None:
        return result.exit_code, result.stdout
    if isinstance(result.exception, SystemExit):
        return result.exit_code, result.output
    assert isinstance(result.exception, Invalid)
    assert "\n" not in result.exception.message
    return 1, result.exception.message


def test_it_says_which_scheme_and_key_hold_and_how_old_they_are(files: list[str]) -> None:
    assert run(*files, "--at", str(NOW + 12)) == (0, "verified: StandardWebhooks v1, key 2 of 2, 12 s old\n")


def test_time_may_be_a_date_or_ignored(files: list[str]) -> None:
    assert run(*files, "--at", "2021-02-25T15:02:10Z")[1].endswith(", 0 s old\n")
    assert run(*files, "--ignore-time")[0] == 0
    code, message = run(*files)
    assert (code, "webhook-timestamp" in message) == (1, True)


def test_headers_come_by_option_the_body_by_standard_input_the_key_by_variable() -> None:
    options = [f"-H{line}" for line in HEADERS.splitlines()[1:]]
    assert run(*options, "--at", str(NOW), body=BODY, env={"JETHOOK_VERIFY_KEY": KEY})[0] == 0
    code, message = run(*options, "--at", str(NOW), body=BODY + b" ", env={"JETHOOK_VERIFY_KEY": KEY})
    assert code == 1
    assert "webhook-signature" in message
    assert KEY not in message


def test_a_key_in_the_variable_may_hold_spaces_and_a_line_holds_one_key() -> None:
    value = "sha256=757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17"
    env = {"JETHOOK_VERIFY_KEY": "the new one\nIt's a Secret to Everybody\n"}
    code, output = run(f"-HX-Hub-Signature-256: {value}", body=b"Hello, World!", env=env)
    assert (code, output.splitlines()[0]) == (0, "verified: GitHub, key 2 of 2")


def test_a_github_request_is_recognised_and_told_apart_from_a_fresh_one() -> None:
    value = "sha256=757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17"
    code, output = run(f"-HX-Hub-Signature-256: {value}", "--key=It's a Secret to Everybody", body=b"Hello, World!")
    assert (code, output.splitlines()[0]) == (0, "verified: GitHub, key 1 of 1")


def test_an_http_message_signature_needs_the_url() -> None:
    url, digest = "https://a.example.com/in", base64.b64encode(hashlib.sha256(BODY).digest()).decode()
    covered = f'("@method" "@target-uri" "content-digest");created={NOW}'
    base = f'"@method": PUT\n"@target-uri": {url}\n"content-digest": sha-256=:{digest}:\n"@signature-params": {covered}'
    mac = base64.b64encode(hmac.digest(b"secret", base.encode(), "sha256")).decode()
    options = [
        f"-Hcontent-digest: sha-256=:{digest}:", f"-HSignature-Input: sig1={covered}", f"-HSignature: sig1=:{mac}:",
        "--key=" + base64.b64encode(b"secret").decode(), f"--at={NOW}", "--method=PUT",
    ]  # fmt: skip
    expected = "verified: HTTPMessageSignatures hmac-sha256, key 1 of 1, 0 s old\n"
    assert run(*options, f"--url={url}", body=BODY) == (0, expected)
    assert run(*options, f"--url={url}x", body=BODY)[0] == 1
    assert "--url" in run(*options, body=BODY)[1]


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["-Hx: y"], "--key-file"),
        (["--key=k", "-Hx: y"], "no header carries a signature"),
        (["--key=k", "-Hx"], "name: value"),
        (["--key=k", "--headers-file=/nowhere/at/all"], "--headers-file"),
        (["--key=k", "-Hx: y", "--scheme=Stripe"], "header Stripe-Signature is missing"),
        (["--key=k", "-Hstripe-signature: t=1,v1=a", "--at=soon"], "--at"),
        (["--key=k", "-Hstripe-signature: t=1,v1=a", "--body-file=/nowhere/at/all"], "--body-file"),
    ],
)
def test_what_is_wrong_is_said_in_one_line(arguments: list[str], said: str) -> None:
    code, message = run(*arguments)
    assert code == 1
    assert said in message


def test_a_pem_file_holds_several_public_keys(tmp_path: Path) -> None:
    # RFC 9421, appendix B.1.4.
    block = (
        "-----BEGIN PUBLIC KEY-----\nMCowBQYDK2VwAyEAJrQLj5P/89iXES9+vFgrIy29clF9CC/oPPsw3c5D0bs=\n"
        "-----END PUBLIC KEY-----\n"
    )
    file = tmp_path / "pem"
    file.write_text(block + block)
    options = [f"-H{line}" for line in HEADERS.splitlines()[1:]]
    code, message = run(*options, f"--key-file={file}", f"--at={NOW}", body=BODY)
    assert (code, "no v1a signature" in message) == (1, True)
