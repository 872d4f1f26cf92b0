"""OpenLineage's own JSON Schemas, and what of an event does not validate against them.

The files lie in ``openlineage_spec``, as they were published.
"""

from __future__ import annotations

import functools
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from jsonschema import Draft202012Validator
from referencing import Registry, Resource

__all__ = ["problems"]

_SPEC = Path(__file__).with_name("openlineage_spec")
_EVENT = "https://openlineage.io/spec/2-0-2/OpenLineage.json"


def problems(event: Any) -> list[str]:
    """What is wrong with an event and each of its facets; empty when all of it validates."""
    found = _errors(event, _EVENT)
    for facet in _facets(event):
        found += _errors(facet, facet["_schemaURL"])
    return found


def _errors(value: Any, url: str) -> list[str]:
    validator = Draft202012Validator(
        {"$ref": url}, registry=_published(), format_checker=Draft202012Validator.FORMAT_CHECKER
    )
    return [f"{url} {error.json_path}: {error.message}" for error in validator.iter_errors(value)]


@functools.cache
def _published() -> Registry[Any]:
    paths = [_SPEC / "OpenLineage.json", *sorted((_SPEC / "facets").glob("*.json"))]
    found = [Resource.from_contents(json.loads(path.read_text())) for path in paths]
    return Registry().with_resources([(str(item.id()), item) for item in found])


def _facets(value: Any) -> Iterator[dict[str, Any]]:
    if isinstance(value, dict):
        if "_schemaURL" in value:
            yield value
        for inner in value.values():
            yield from _facets(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from _facets(inner)
