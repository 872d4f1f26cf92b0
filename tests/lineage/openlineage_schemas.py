"""JSON Schemas that OpenLineage's events must validate against.

The published ones are taken from a checkout of OpenLineage that ``OPENLINEAGE_SPEC`` names (its
folder ``spec``). Without it those are used that follow from the classes of openlineage-python,
which are generated from the published ones: the same names, types and required properties.
"""

from __future__ import annotations

import enum
import json
import os
import types
import typing
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import attr
from jsonschema import Draft202012Validator
from openlineage.client import event_v2, facet_v2
from openlineage.client.generated.base import BaseFacet
from referencing import Registry, Resource

PUBLISHED = os.environ.get("OPENLINEAGE_SPEC", "")
EVENT = "https://openlineage.io/spec/2-0-2/OpenLineage.json"


def problems(event: Any) -> list[str]:
    """What is wrong with an event and each of its facets; empty when all of it validates."""
    registry = _published() if PUBLISHED else None
    found = _errors(event, registry, EVENT if PUBLISHED else "event")
    for facet in _facets(event):
        found += _errors(facet, registry, facet["_schemaURL"])
    return found


def _errors(value: Any, registry: Registry[Any] | None, url: str) -> list[str]:
    checker = Draft202012Validator.FORMAT_CHECKER
    if registry is not None:
        validator = Draft202012Validator({"$ref": url}, registry=registry, format_checker=checker)
    else:
        validator = Draft202012Validator(_derived(url), format_checker=checker)
    return [f"{url} {error.json_path}: {error.message}" for error in validator.iter_errors(value)]


def _published() -> Registry[Any]:
    folder = Path(PUBLISHED)
    paths = [folder / "OpenLineage.json", *sorted((folder / "facets").glob("*.json"))]
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


def _derived(url: str) -> dict[str, Any]:
    definitions: dict[str, Any] = {}
    root = _schema(event_v2.RunEvent if url == "event" else _KINDS[url], definitions)
    return {**root, "$defs": definitions}


def _kinds() -> dict[str, type]:
    modules = [item for item in vars(facet_v2).values() if isinstance(item, types.ModuleType)]
    classes = [item for module in modules for item in vars(module).values()]
    return {
        kind._get_schema(): kind
        for kind in classes
        if isinstance(kind, type) and issubclass(kind, BaseFacet)
    }


_KINDS = _kinds()


def _schema(kind: Any, definitions: dict[str, Any]) -> dict[str, Any]:
    """The schema of a class, an enumeration or an annotation."""
    origin, arguments = typing.get_origin(kind), typing.get_args(kind)
    if origin in (types.UnionType, typing.Union):
        return {"anyOf": [_schema(argument, definitions) for argument in arguments]}
    if origin is list:
        return {"type": "array", "items": _schema(arguments[0], definitions)}
    if origin is dict:
        return {"type": "object", "additionalProperties": _schema(arguments[1], definitions)}
    if isinstance(kind, type) and issubclass(kind, enum.Enum):
        return {"enum": [item.value for item in kind]}
    if attr.has(kind):
        if kind.__qualname__ not in definitions:  # some contain themselves
            definitions[kind.__qualname__] = {}
            definitions[kind.__qualname__] = _object(kind, definitions)
        return {"$ref": f"#/$defs/{kind.__qualname__}"}
    names = {str: "string", int: "integer", float: "number", bool: "boolean", type(None): "null"}
    return {"type": names[kind]} if kind in names else {}


def _object(kind: Any, definitions: dict[str, Any]) -> dict[str, Any]:
    """What the classes leave open in holders of facets is judged facet by facet."""
    hints = typing.get_type_hints(kind)
    properties, required = {}, []
    for field in attr.fields(kind):
        loose = field.name in ("facets", "inputFacets", "outputFacets")
        properties[field.name] = (
            {"type": "object"} if loose else _schema(hints[field.name], definitions)
        )
        if field.name == "runId":
            properties[field.name]["format"] = "uuid"
        if field.name == "eventTime":
            properties[field.name]["format"] = "date-time"
        if field.default is attr.NOTHING or field.name in ("_producer", "_schemaURL"):
            required.append(field.name)
    return {
        "type": "object",
        "properties": properties,
        "required": required,
        "additionalProperties": False,
    }
