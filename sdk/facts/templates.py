# SPDX-License-Identifier: Apache-2.0
"""Rows of class templates, whose arguments the facts lost: the same checks on one instance of each class, whose names are
in handwritten_prelude.h."""

import re

import rows as facts

# Class in the facts: (instance, its first argument).
INSTANCES = {
    "OSSharedPtr": ("SharedPtr", "OSString"),
    "attacher": ("SharedPtr::attacher", "OSString"),
    "bounded_ptr": ("BoundedPtr", "int"),
    "bounded_array": ("BoundedArray", "int"),
    "bounded_array_ref": ("BoundedArrayRef", "int"),
    "safe_allocation": ("Allocation", "int"),
}
MEMBER_TYPES = "pointer|iterator|const_iterator|retain_t|no_retain_t|CharType"


def concrete(text, class_name):
    """The signature with the instance's names. The documentation wrote `T **` for `T *` and `T & &` for `T &`."""
    instance, argument = INSTANCES[class_name]
    text = re.sub(r"^template (>> )?|\b(constexpr|explicit)\b", "", text).strip()
    text = text.replace("T **", "T *").replace("T_ & &", "T &").replace("operator *", "operator*")
    text = re.sub(r"type-parameter-0-0|\bT_?\b", argument, text)
    text = re.sub(r"(?<![\w:*])(%s)\b" % MEMBER_TYPES, instance + r"::\1", text)
    text = re.sub(r"\battacher attach\b", "SharedPtr::attacher attach", text)
    for name, (other, _) in INSTANCES.items():
        if name != "attacher":
            text = re.sub(r"(?<![\w~:])%s\b(?!\()" % name, other, text)
    return text


def conversion(row, instance):
    """explicit operator bool"""
    return "static_assert(std::is_constructible_v<bool, %s> && !std::is_convertible_v<%s, bool>);" % (instance, instance)


def check(row, plain_types):
    """The check of a method of a class template, or None."""
    instance, _ = INSTANCES[row.class_name]
    if row.member == "operator bool":
        return conversion(row, instance)
    if row.member.startswith("operator ") or row.member.startswith("~"):
        return "static_assert(std::is_destructible_v<%s>);" % instance if row.member.startswith("~") else None
    member = row.member.replace("operator *", "operator*")
    text = concrete(row.signature, row.class_name)
    if row.member == row.class_name:
        parameters = re.fullmatch(r"\w+\((.*)\)( noexcept)?", text)
        if "[" in parameters.group(1):
            return None
        types = plain_types(parameters.group(1))
        trait = "std::is_nothrow_constructible_v" if parameters.group(2) else "std::is_constructible_v"
        lines = "static_assert(%s<%s>);" % (trait, ", ".join([instance] + types))
        explicit = row.signature.startswith("explicit")
        if len(types) == 1:
            lines += " static_assert(%sstd::is_convertible_v<%s, %s>);" % ("!" if explicit else "", types[0], instance)
        return lines
    parts = facts.split_signature(text, member)
    if not parts:
        return None
    result, parameters, behind = parts
    where = "" if row.kind == "static" else instance + "::"
    return "using od_s%d = %s(%s) %s; static_assert(static_cast<od_s%d %s*>(&%s::%s) != nullptr);" % (
        row.line, re.sub(r"\bstatic\b", "", result).strip(), ", ".join(plain_types(parameters)), behind, row.line, where,
        instance, member)


def check_type(row):
    """A typedef or a field."""
    if row.class_name not in INSTANCES or "[]" in row.signature:
        return None
    instance, _ = INSTANCES[row.class_name]
    text = concrete(row.signature.removeprefix("typedef "), row.class_name)
    at = list(re.finditer(r"(?<!\w)%s(?!\w)" % re.escape(row.member), text))
    if "bounded_ptr" in row.signature or "copy_cv_t" in row.signature or not at:
        return None
    wanted = (text[:at[-1].start()] + text[at[-1].end():]).strip().removesuffix(instance + "::").strip()
    have = "%s::%s" % (instance, row.member)
    return "static_assert(std::is_same_v<%s, od_type<%s>>);" % (
        have if row.kind == "typedef" else "decltype(%s)" % have, wanted)
