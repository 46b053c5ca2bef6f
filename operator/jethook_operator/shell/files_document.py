"""One YAML file as the objects in it: bounded, safe, each with the place where it stands.

An alias is refused, since a few lines of them stand for gigabytes; a key that stands twice in one mapping too, as
kubectl does.
"""

from __future__ import annotations

import base64
import hashlib
import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import yaml
from pydantic import SecretStr

from jethook_contract.errors import Invalid
from jethook_contract.names import DEFAULT_POOL, SECRET_LABEL
from jethook_operator.core.resources import Key, SecretValue
from jethook_operator.shell.files_loader import Loader

MAX_FILE_BYTES = 4 * 1024 * 1024
MAX_DOCUMENTS = 10_000
MAX_DEPTH = 40
_MAX_GENERATION_BITS = 53  # JSON readers keep integers exact up to there
_GROUP_KINDS = ("WebhookEndpoint", "Subscription", "DispatcherPool")
_API_VERSION = "jethook.io/v1alpha1"
_NAME = re.compile(r"[a-z0-9]([-.a-z0-9]*[a-z0-9])?")  # dots are for Secrets; the models refuse them elsewhere
_MAX_NAME = 253
Json = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Document:
    """One object of a file: either a Secret or the raw form of another kind. `place` is `file:line`."""

    place: str
    key: Key
    content: Json | SecretValue


def read_documents(data: bytes, *, file: str, pool_namespace: str) -> tuple[Document, ...]:
    """Read all objects of a file, or raise Invalid that names file, line and fault; Namespaces are passed over.

    Pools without a namespace are given `pool_namespace`, all others `default`.
    """
    if len(data) > MAX_FILE_BYTES:
        raise Invalid("FileTooLarge", f"{file}: {len(data)} bytes, at most {MAX_FILE_BYTES} are read; split the file")
    try:
        text = data.decode()
        lines = list(_starts(text, file))
        loaded = list(yaml.load_all(text, Loader=Loader))
    except UnicodeDecodeError as exc:
        raise Invalid("BadFile", f"{file}: no UTF-8 at byte {exc.start}") from exc
    except yaml.MarkedYAMLError as exc:
        line = exc.problem_mark.line + 1 if exc.problem_mark else 1
        raise Invalid("BadFile", f"{file}:{line}: no YAML: {exc.problem or exc.context}") from exc
    except (yaml.YAMLError, ValueError, RecursionError) as exc:
        raise Invalid("BadFile", f"{file}: no YAML: {type(exc).__name__}") from exc
    places = [f"{file}:{line}" for line in lines]
    pairs = zip(places, loaded, strict=True)
    return tuple(
        document
        for place, content in pairs
        if content is not None and (document := _document(content, place, pool_namespace)) is not None
    )


def default_pool(namespace: str) -> Document:
    """Make the pool `default`, which is there when no file names a pool."""
    raw = {"apiVersion": _API_VERSION, "kind": "DispatcherPool", "spec": {}}
    metadata = {"name": DEFAULT_POOL, "namespace": namespace, "generation": _generation(raw)}
    return Document("built in", Key("DispatcherPool", namespace, DEFAULT_POOL), {**raw, "metadata": metadata})


def _starts(text: str, file: str) -> Iterator[int]:
    """Walk the file without building anything of it; give the first line of each document."""
    depth = documents = 0
    for event in yaml.parse(text, Loader=Loader):
        line = event.start_mark.line + 1 if event.start_mark else 0
        if isinstance(event, yaml.AliasEvent):
            raise Invalid("BadFile", f"{file}:{line}: aliases are not read; write the value out")
        if isinstance(event, yaml.CollectionStartEvent):
            depth += 1
        elif isinstance(event, yaml.CollectionEndEvent):
            depth -= 1
        if depth > MAX_DEPTH:
            raise Invalid("BadFile", f"{file}:{line}: nested deeper than {MAX_DEPTH}")
        if isinstance(event, yaml.DocumentStartEvent):
            documents += 1
            if documents > MAX_DOCUMENTS:
                raise Invalid("BadFile", f"{file}:{line}: more than {MAX_DOCUMENTS} documents; split the file")
            yield line


def _document(content: object, place: str, pool_namespace: str) -> Document | None:
    raw = _mapping(content, place)
    kind = raw.get("kind")
    if kind == "Namespace":
        return None
    if (kind, raw.get("apiVersion")) != ("Secret", "v1") and (
        kind not in _GROUP_KINDS or raw.get("apiVersion") != _API_VERSION
    ):
        known = ", ".join(_GROUP_KINDS)
        found = f"{str(raw.get('apiVersion'))[:80]} {str(kind)[:80]}"
        raise Invalid("UnknownKind", f"{place}: {found} is unknown; {_API_VERSION} {known} and v1 Secret are read")
    metadata = _metadata(raw, place, pool_namespace)
    key = Key(raw["kind"], metadata["namespace"], metadata["name"])
    if kind == "Secret":
        return Document(place, key, _secret(raw, key, metadata, place))
    return Document(place, key, {**raw, "metadata": {**metadata, "generation": _generation(raw)}})


def _metadata(raw: Json, place: str, pool_namespace: str) -> Json:
    given = raw.get("metadata")
    metadata = _mapping(given, place) if given is not None else {}
    default = pool_namespace if raw["kind"] == "DispatcherPool" else "default"
    metadata = {**metadata, "namespace": metadata.get("namespace") or default}
    for field in ("name", "namespace"):
        value = metadata.get(field)
        if not isinstance(value, str) or not _NAME.fullmatch(value) or len(value) > _MAX_NAME:
            raise Invalid("BadFile", f"{place}: metadata.{field}: needed, of a-z, 0-9 and - only")
    if raw["kind"] == "DispatcherPool" and metadata["namespace"] != pool_namespace:
        raise Invalid("BadFile", f"{place}: metadata.namespace: pools live in {pool_namespace}; leave it out")
    return metadata


def _secret(raw: Json, key: Key, metadata: Json, place: str) -> SecretValue:
    labels = metadata.get("labels")
    labelled = isinstance(labels, dict) and labels.get(SECRET_LABEL) == "true"
    encoded = _texts(raw.get("data"), field="data", place=place)
    plain = _texts(raw.get("stringData"), field="stringData", place=place)
    if not labelled:
        return SecretValue(key.namespace, key.name, labelled=False)
    try:
        decoded = {name: base64.b64decode(value, validate=True).decode() for name, value in encoded.items()}
    except ValueError as exc:
        raise Invalid("BadFile", f"{place}: data: not every value is base64 of a text; use stringData") from exc
    values = {name: SecretStr(value) for name, value in (decoded | plain).items()}
    return SecretValue(key.namespace, key.name, labelled=True, data=values)


def _texts(given: object, *, field: str, place: str) -> dict[str, str]:
    values = _mapping(given, place) if given is not None else {}
    if not all(isinstance(value, str) for value in values.values()):
        raise Invalid("BadFile", f"{place}: {field}: every value must be a text; put it in quotes")
    return values


def _mapping(content: object, place: str) -> Json:
    if not isinstance(content, dict) or not all(isinstance(key, str) for key in content):
        raise Invalid("BadFile", f"{place}: an object is a mapping with texts as keys")
    return content


def _generation(raw: Json) -> int:
    """Hash the spec, so that an equal spec has an equal generation, whatever its file looks like."""
    canonical = json.dumps(raw.get("spec"), sort_keys=True, separators=(",", ":"), default=str)
    digest = hashlib.sha256(canonical.encode()).digest()
    return int.from_bytes(digest[:8]) >> (64 - _MAX_GENERATION_BITS)
