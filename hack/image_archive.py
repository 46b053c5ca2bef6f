"""Write an image of one static program without an engine: an OCI archive with one layer, always the same bytes.

The layout is the OCI Image Format Specification 1.1's (image-layout.md, config.md), as `ctr images import` reads it.
"""

from __future__ import annotations

import hashlib
import io
import json
import tarfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

USER = 65532
_CONFIG = "application/vnd.oci.image.config.v1+json"
_LAYER = "application/vnd.oci.image.layer.v1.tar"
_MANIFEST = "application/vnd.oci.image.manifest.v1+json"
_INDEX = "application/vnd.oci.image.index.v1+json"


@dataclass(frozen=True, slots=True)
class ProgramImage:
    """An image: its full name with registry and tag, and its one program, placed as `/<name of the file>`."""

    name: str
    program: Path


def write_archive(image: ProgramImage, place: Path) -> Path:
    """Write the archive and return its path."""
    layer = _tar({image.program.name: image.program.read_bytes()}, mode=0o755)
    config = _json(_config(image.program.name, layer=layer))
    manifest = _json(
        {
            "schemaVersion": 2,
            "mediaType": _MANIFEST,
            "config": _descriptor(_CONFIG, config),
            "layers": [_descriptor(_LAYER, layer)],
        }
    )
    annotations = {"io.containerd.image.name": image.name, "org.opencontainers.image.ref.name": image.name}
    index = {
        "schemaVersion": 2,
        "mediaType": _INDEX,
        "manifests": [{**_descriptor(_MANIFEST, manifest), "annotations": annotations}],
    }
    blobs = {f"blobs/sha256/{_hash(blob)}": blob for blob in (layer, config, manifest)}
    files = {"oci-layout": _json({"imageLayoutVersion": "1.0.0"}), "index.json": _json(index), **blobs}
    place.write_bytes(_tar(files, mode=0o644))
    return place


def _config(program: str, *, layer: bytes) -> dict[str, Any]:
    return {
        "architecture": "amd64",
        "os": "linux",
        "config": {"User": f"{USER}:{USER}", "Entrypoint": [f"/{program}"]},
        "rootfs": {"type": "layers", "diff_ids": [f"sha256:{_hash(layer)}"]},
    }


def _descriptor(media_type: str, blob: bytes) -> dict[str, Any]:
    return {"mediaType": media_type, "digest": f"sha256:{_hash(blob)}", "size": len(blob)}


def _tar(files: dict[str, bytes], *, mode: int) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w", format=tarfile.PAX_FORMAT) as archive:
        for name, content in files.items():
            entry = tarfile.TarInfo(name)
            entry.size, entry.mode = len(content), mode
            archive.addfile(entry, io.BytesIO(content))
    return buffer.getvalue()


def _json(value: object) -> bytes:
    return json.dumps(value, sort_keys=True).encode()


def _hash(blob: bytes) -> str:
    return hashlib.sha256(blob).hexdigest()
