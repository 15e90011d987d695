# SPDX-License-Identifier: Apache-2.0
"""Checks a value against a JSON Schema, as far as docs/schemas uses them; another keyword is an error of the schema."""

import json
import os

import harness

TYPES = {"object": dict, "array": list, "string": str, "integer": int, "boolean": bool, "null": type(None)}
KNOWN = {"$schema", "$comment", "title", "description", "type", "enum", "required", "properties", "additionalProperties", "items",
         "$ref", "$defs"}


def problems(value, schema, where="the root", document=None):
    """What is wrong, as a list of sentences. `document` is the whole schema, for references within it."""
    document = schema if document is None else document
    if "$ref" in schema:
        referred = document
        for part in schema["$ref"].removeprefix("#/").split("/"):
            referred = referred[part]
        return problems(value, referred, where, document)
    unknown = set(schema) - KNOWN
    if unknown:
        return [f"the schema has keywords that are not understood: {sorted(unknown)}"]
    kind = schema.get("type")
    if kind and (not isinstance(value, TYPES[kind]) or (kind == "integer" and isinstance(value, bool))):
        return [f"{where} is {value!r}, must be {kind}"]
    found = []
    if "enum" in schema and value not in schema["enum"]:
        found.append(f"{where} is {value!r}, must be one of {schema['enum']}")
    if isinstance(value, dict):
        found += [f"{where} lacks {name}" for name in schema.get("required", []) if name not in value]
        for name, member in value.items():
            if name in schema.get("properties", {}):
                found += problems(member, schema["properties"][name], f"{where}/{name}", document)
            elif schema.get("additionalProperties") is False:
                found.append(f"{where} has {name}, which the schema does not know")
    if isinstance(value, list) and "items" in schema:
        for index, member in enumerate(value):
            found += problems(member, schema["items"], f"{where}/{index}", document)
    return found


def read(name):
    """The schema docs/schemas/NAME.json."""
    with open(os.path.join(harness.SOURCE, "docs", "schemas", name + ".json"), encoding="utf-8") as file:
        return json.load(file)
