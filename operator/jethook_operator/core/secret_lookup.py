"""Find values in Secrets, or raise an error that names field, Secret, key and cure, and never a value."""

from __future__ import annotations

from collections.abc import Mapping

from pydantic import SecretStr

from jethook_contract.errors import Waiting
from jethook_contract.names import SECRET_LABEL
from jethook_operator.core.resources import SecretValue

Secrets = Mapping[str, SecretValue | None]

_MAX_KEYS_SHOWN = 5


def find_secret(name: str, *, field: str, secrets: Secrets) -> SecretValue:
    """Give a Secret that may be used; raises Waiting SecretNotFound or SecretNotLabelled."""
    secret = secrets.get(name)
    label = f"{SECRET_LABEL}=true"
    if secret is None:
        text = f'{field}: Secret "{name}" does not exist (create it with label {label})'
        raise Waiting("SecretNotFound", text)
    if not secret.labelled:
        text = f'{field}: Secret "{name}" lacks label {label} (kubectl label secret {name} {label})'
        raise Waiting("SecretNotLabelled", text)
    return secret


def find_value(secret: SecretValue, *, key: str, field: str, max_characters: int) -> SecretStr:
    """Give one value as it stands; raises Waiting SecretKeyMissing, or SecretKeyInvalid when it is too long."""
    value = secret.data.get(key)
    if value is None:
        has = ", ".join(sorted(secret.data)[:_MAX_KEYS_SHOWN]) or "none"
        text = f'{field}: Secret "{secret.name}" has no key "{key}" (it has: {has}); add it'
        raise Waiting("SecretKeyMissing", text)
    if len(value) > max_characters:
        fault = f"is longer than {max_characters} characters; shorten it"
        raise invalid_key(secret.name, key=key, field=field, fault=fault)
    return value


def without_line_end(value: SecretStr) -> SecretStr:
    """Take off the line break at the end that `echo` and editors leave."""
    return SecretStr(value.get_secret_value().rstrip("\r\n"))


def invalid_key(name: str, *, key: str, field: str, fault: str) -> Waiting:
    """Make the error of a value that is there but cannot be used; `fault` goes on after the key's name."""
    return Waiting("SecretKeyInvalid", f'{field}: key "{key}" of Secret "{name}" {fault}')
