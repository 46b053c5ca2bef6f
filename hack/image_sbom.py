"""Write the software bill of materials of the Python that runs this: CycloneDX 1.6 as JSON, to stdout.

Usage: python -P hack/image_sbom.py NAME    NAME is the name of the image

One component for each installed distribution, with its purl and licence, and one for the interpreter. The text depends
on what is installed alone: no time, no random serial number, sorted. It needs the standard library only.
"""

from __future__ import annotations

import json
import platform
import re
import sys
from importlib.metadata import Distribution, distributions
from typing import Any

SPEC_VERSION = "1.6"
PRODUCT = "jethook"


def bill_of_materials(*, image: str) -> dict[str, Any]:
    """Describe every distribution that this interpreter finds as a CycloneDX document."""
    found = {component["bom-ref"]: component for component in map(_component, distributions())}
    found.update({"python": _interpreter()})
    product = next((one for one in found.values() if one["name"] == PRODUCT), None)
    return {
        "$schema": f"http://cyclonedx.org/schema/bom-{SPEC_VERSION}.schema.json",
        "bomFormat": "CycloneDX",
        "specVersion": SPEC_VERSION,
        "version": 1,
        "metadata": {
            "component": {
                "type": "container",
                "name": image,
                **({"version": product["version"]} if product else {}),
            }
        },
        "components": [found[ref] for ref in sorted(found)],
    }


def _component(distribution: Distribution) -> dict[str, Any]:
    name = re.sub(r"[-_.]+", "-", distribution.metadata["Name"]).lower()
    purl = f"pkg:pypi/{name}@{distribution.version}"
    licence = _licence(distribution)
    return {
        "type": "library",
        "bom-ref": purl,
        "name": name,
        "version": distribution.version,
        "purl": purl,
        **({"licenses": [licence]} if licence else {}),
    }


def _licence(distribution: Distribution) -> dict[str, Any] | None:
    """Give the SPDX expression of the metadata (PEP 639), else the first line of the older field: free text."""
    metadata = distribution.metadata
    if "License-Expression" in metadata:
        return {"expression": metadata["License-Expression"]}
    text = metadata["License"].strip() if "License" in metadata else ""
    classifiers = metadata.get_all("Classifier") or []
    named = [one.rpartition(" :: ")[2] for one in classifiers if one.startswith("License :: ")]
    name = text.splitlines()[0] if text else ", ".join(named)
    return {"license": {"name": name}} if name else None


def _interpreter() -> dict[str, Any]:
    version = platform.python_version()
    return {
        "type": "application",
        "bom-ref": "python",
        "name": "python",
        "version": version,
        "cpe": f"cpe:2.3:a:python:python:{version}:*:*:*:*:*:*:*",
    }


if __name__ == "__main__":
    sys.stdout.write(json.dumps(bill_of_materials(image=sys.argv[1]), indent=2) + "\n")
