"""YAML as content uses it: dates stay the text that they are in FHIR, decimals keep their digits."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import yaml


def _make_loader() -> Any:
    """A safe loader, the fast one where libyaml is there."""
    base: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    loader: Any = type("ContentLoader", (base,), {})
    loader.yaml_implicit_resolvers = {
        first: [(tag, pattern) for tag, pattern in resolvers if tag != "tag:yaml.org,2002:timestamp"]
        for first, resolvers in base.yaml_implicit_resolvers.items()
    }
    loader.add_constructor("tag:yaml.org,2002:float", _decimal)
    return loader


def _decimal(_: Any, node: Any) -> Decimal:
    return Decimal(str(node.value).replace("_", ""))


_LOADER = _make_loader()


def load_documents(text: str) -> list[Any]:
    """The documents of a YAML text; raises a `yaml.YAMLError` where it is none."""
    return list(yaml.load_all(text, Loader=_LOADER))  # made from a safe loader
