# SPDX-License-Identifier: Apache-2.0
"""The rows of docs/facts/driverkit-api.csv that belong to one framework, and how annotations name them."""

import csv
import dataclasses
import functools
import pathlib
import re

ROOT = pathlib.Path(__file__).resolve().parents[2]
CSV = ROOT / "docs/facts/driverkit-api.csv"
CORE = "DriverKit"

# What a row needs to be done: a test that somebody wrote, or the generated check alone.
TESTED_KINDS = ("method", "static", "function")


@dataclasses.dataclass(frozen=True)
class Row:
    line: int  # in the CSV
    class_name: str
    super_class: str
    member: str
    kind: str
    signature: str
    attributes: tuple
    source: str

    @property
    def name(self):
        """As annotations write it, without parameters."""
        return "%s.%s" % (self.class_name, self.member) if self.class_name and self.kind != "class" else self.member

    @property
    def is_function_macro(self):
        return self.kind == "macro" and bool(re.match(r"#define \w+\(", self.signature))

    @property
    def needs_test(self):
        return self.kind in TESTED_KINDS or self.is_function_macro

    @property
    def parameters(self):
        """The types of the parameters, e.g. "(const OSArray *) const": what tells overloads apart."""
        return parameter_types(self.signature, self.member)

    @property
    def group(self):
        """The heading under which the page of the status has the row."""
        if self.class_name:
            return self.class_name
        if self.kind == "class":
            return self.member
        header = self.source.split(" + ")[0]
        return header if not header.startswith("doc:") else "%ss without a class" % self.kind


@functools.cache
def all_rows():
    """{framework: [Row]}"""
    rows = {}
    with open(CSV, newline="", encoding="utf-8") as file:
        reader = csv.DictReader(file)
        for item in reader:
            attributes = tuple(word for word in item["attributes"].split(";") if word)
            rows.setdefault(item["framework"], []).append(
                Row(reader.line_num, item["class"], item["superclass"], item["member"], item["kind"], item["signature"],
                    attributes, item["source"]))
    return rows


def framework_rows(framework=CORE):
    return list(all_rows()[framework])


def names_of_others(framework):
    """What annotations may name besides the rows of this framework."""
    return {row.name for other, rows in all_rows().items() if other != framework for row in rows}


@functools.cache
def first_declarations():
    """({class: super class}, {(class, member): attributes}) of all frameworks."""
    supers, declared = {}, {}
    for rows in all_rows().values():
        for row in rows:
            if row.kind == "class" and row.super_class:
                supers[row.member] = row.super_class
            declared.setdefault((row.class_name, row.member), row.attributes)
    return supers, declared


def first_attributes(row):
    """The attributes of the method that this one overrides first of all, or its own: an override says less, and what was
    read in documentation alone says nothing."""
    supers, declared = first_declarations()
    attributes, owner = row.attributes, supers.get(row.class_name)
    while owner:
        attributes = declared.get((owner, row.member), attributes)
        owner = supers.get(owner)
    return attributes


def split_top(text, opening="([{<", closing=")]}>"):
    """Splits at commas that stand in no bracket."""
    parts, depth, current = [], 0, ""
    for letter in text:
        if letter in opening:
            depth += 1
        elif letter in closing:
            depth -= 1
        if letter == "," and depth == 0:
            parts.append(current)
            current = ""
        else:
            current += letter
    parts.append(current)
    return [part.strip() for part in parts if part.strip()]


def squeezed(text):
    """One spelling for all: tokens with single spaces between words, none elsewhere."""
    tokens = re.findall(r"\w+|[^\w\s]", text)
    result = ""
    for token in tokens:
        if result and re.match(r"\w", token) and re.match(r"\w", result[-1]):
            result += " "
        result += token
    return result


TYPE_WORDS = {"const", "volatile", "unsigned", "signed", "struct", "enum", "int", "long", "short", "char", "bool",
              "void", "float", "double"}


def without_parameter_name(parameter):
    """"const OSArray *anArray" -> "const OSArray *"; a lone type stays. A default argument goes too."""
    parameter = re.sub(r"\s*=[^=]*$", "", parameter)
    match = re.fullmatch(r"(.*[\s*&])(\w+)((?:\[\w*\])*)", parameter)
    if not match or match.group(2) in TYPE_WORDS:
        return parameter
    head = match.group(1).strip()
    if not re.search(r"\w", head) or set(re.findall(r"\w+", head)) <= {"const", "volatile", "struct", "enum"}:
        return parameter
    return head + match.group(3)


def split_signature(signature, member):
    """(what stands before the name, parameters, what stands behind), or None."""
    at = re.search(r"(?<![\w~])%s\s*\(" % re.escape(member), signature)
    if not at:
        return None
    depth = 0
    for index in range(at.end() - 1, len(signature)):
        depth += {"(": 1, ")": -1}.get(signature[index], 0)
        if depth == 0:
            return signature[:at.start()].strip(), signature[at.end():index].strip(), signature[index + 1:].strip()
    return None


def parameter_types(signature, member):
    parts = split_signature(signature, member)
    if not parts:
        return None
    types = ",".join(squeezed(without_parameter_name(item)) for item in split_top(parts[1]))
    return "(%s)%s" % (types, "const" if re.search(r"\bconst\b", parts[2]) else "")


class Names:
    """Finds rows by the names that comments of tests and docs/api-declared-only.csv give them."""

    def __init__(self, rows):
        self.by_name = {}
        for row in rows:
            self.by_name.setdefault(row.name, []).append(row)

    def find(self, text):
        """(rows, complaint): all overloads of `Class.member`, or the one whose parameters `text` names."""
        if text in self.by_name:
            return self.by_name[text], None
        match = re.fullmatch(r"([^(]+?)\s*(\(.*\).*)", text)
        candidates = self.by_name.get(match.group(1), []) if match else []
        if not candidates:
            return [], "the facts have no row " + text
        wanted = squeezed(match.group(2)).replace("noexcept", "")
        found = [row for row in candidates if row.parameters == wanted]
        if found:
            return found, None
        return [], "the facts have no %s; they have %s" % (text, ", ".join(str(row.parameters) for row in candidates))
