"""A YAML loader that builds plain values only, and takes no mapping in which a key stands twice (YAML 1.2, 3.2.1.1)."""

from __future__ import annotations

from typing import Any

import yaml

_BASE: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


class Loader(_BASE):  # type: ignore[misc]  # which of the two bases it has is known at run time
    """Load as SafeLoader does; a repeated key raises a MarkedYAMLError that names the key and its line."""

    def construct_mapping(self, node: Any, deep: Any = False) -> Any:  # noqa: FBT002 -- PyYAML's signature
        """Build a mapping, once its keys are known to be different."""
        seen: set[tuple[str, str]] = set()
        for key, _ in node.value if isinstance(node, yaml.MappingNode) else ():
            if not isinstance(key, yaml.ScalarNode):
                continue  # unhashable, or refused as no text later
            if (key.tag, key.value) in seen:
                problem = f"key {key.value[:80]!a} stands twice in one mapping; remove one"
                raise yaml.constructor.ConstructorError(None, None, problem, key.start_mark)
            seen.add((key.tag, key.value))
        return super().construct_mapping(node, deep=deep)
