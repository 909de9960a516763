"""Examples of answers, put together from the examples of their fields, so that every answer of the document has one."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

Schema = Mapping[str, Any]

_WORDS: dict[str, Any] = {
    "actor": "person:wang", "answer": "200 OK", "area": "district-north", "by": "person:wang", "category": "roads",
    "comment": "On my way.", "crew": "crew-02", "detail": "connected", "device": "bin-0042", "device_id": "bin-0042",
    "entered_by": "person:wang", "decided_by": "person:chen", "made_by": "person:chen", "done_by": "hub",
    "grade": "good", "grade_zh": "良好", "hash": "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
    "id": "17", "kind": "collect", "name": "Renmin Road 12", "note": "后门进入", "place": "中山路 12 号",
    "reason": "The lid is broken.", "reporter": "Li Mei", "role": "driver", "route": "route-0001",
    "run": "collection-2026-11-25-0a1b2c3d4e5f", "rule": "bin-full", "scheme": "weighted", "shift": "early",
    "sha256": "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08", "state": "done", "title": "Bin full",
    "title_zh": "满桶", "token": "sht_3fK0vB9c", "key": "shk_k3xo2c7q5a_example", "type": "refuse_truck", "unit": "%",
    "vehicle": "vehicle-0007", "work_order": "order-0d5c6a9e4f7b", "worker": "worker-0011", "zone": "Asia/Shanghai",
    "lat": 30.5721, "lon": 114.3055, "version": 1,
}  # fmt: skip
"""By the name of a field, where its model shows none."""
_FORMATS = {"date-time": "2026-11-24T08:00:00Z", "date": "2026-11-24", "time": "05:00:00", "binary": ""}
_DEEPEST = 12


def enter(document: Mapping[str, Any]) -> None:
    """Give every answer in JSON an example, where it has none."""
    parts = document["components"]["schemas"]
    for path in document["paths"].values():
        for operation in path.values():
            for status, answer in operation["responses"].items():
                for kind, content in answer.get("content", {}).items():
                    shown = "example" in content or "examples" in content
                    if status.startswith("2") and kind.endswith("json") and not shown:
                        content["example"] = example(content["schema"], parts)


def example(schema: Schema, parts: Mapping[str, Schema], name: str = "", depth: int = 0) -> Any:
    """A value that fits a schema; ``parts`` are those that it refers to, ``name`` is the field's."""
    if depth > _DEEPEST:
        return None
    for key in ("examples", "enum"):
        if schema.get(key):
            return schema[key][0]
    if "const" in schema:
        return schema["const"]
    if "$ref" in schema:
        return example(parts[schema["$ref"].rpartition("/")[2]], parts, name, depth + 1)
    for key in ("anyOf", "oneOf", "allOf"):
        if key in schema:
            told = [one for one in schema[key] if one.get("type") != "null"]
            return example(told[0], parts, name, depth + 1) if told else None
    return _of_type(schema, parts, name, depth)


def _of_type(schema: Schema, parts: Mapping[str, Schema], name: str, depth: int) -> Any:
    kind = schema.get("type")
    if isinstance(kind, list):
        kind = next(one for one in kind if one != "null")
    if kind == "object":
        fields = schema.get("properties", {})
        return {field: example(one, parts, field, depth + 1) for field, one in fields.items()}
    if kind == "array":
        return [example(schema.get("items", {}), parts, name, depth + 1)] * max(1, schema.get("minItems", 1))
    if kind == "string":
        word = _FORMATS.get(schema.get("format", ""), _WORDS.get(name, name.replace("_", " ")))
        return str(word)
    if kind in ("integer", "number"):
        word = _WORDS.get(name, 0)
        value = word if isinstance(word, (int, float)) else 0
        return max(value, schema.get("minimum", value))
    return True if kind == "boolean" else None
