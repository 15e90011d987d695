# SPDX-License-Identifier: Apache-2.0
"""C++ that compiles only if the SDK declares what a row says. One row, one check; `#line` gives it the row's line in the
CSV, so that an error of the compiler names the row."""

import functools
import pathlib
import re
import subprocess
import tempfile

import rows as facts
import templates

HERE = pathlib.Path(__file__).resolve().parent
CSV_NAME = "docs/facts/driverkit-api.csv"

# The words of the interface language: macros only while an interface is read.
IIG_WORDS = {"KERNEL", "NATIVE", "LOCAL", "LOCALONLY", "LOCALHOST", "REMOTE", "REPLY", "INVOKEREPLY", "PORTMAKESEND",
             "PORTCOPYSEND", "TARGET", "TYPE", "EXTENDS", "QUEUENAME", "IIG_KERNEL", "IIG_NATIVE", "IIG_LOCAL",
             "IIG_LOCALONLY", "IIG_LOCALHOST", "IIG_REMOTE", "IIG_REPLY", "IIG_INVOKEREPLY", "IIG_PORTMAKESEND",
             "IIG_PORTCOPYSEND", "IIG_TARGET", "IIG_TYPE", "IIG_EXTENDS", "IIG_QUEUENAME", "IIG_SERIALIZABLE",
             "IIG_CONCRETE", "__IIG_ATTRIBUTES_DEFINED__"}

# Classes whose rows need arguments that the facts do not have.
TEMPLATES = {"OSSharedPtr", "attacher", "bounded_ptr", "bounded_array", "bounded_array_ref", "safe_allocation",
             "copy_const", "copy_cv", "enable_if", "remove_const", "template"}

# Headers of the platform that the rows come from; those of DriverKit/ are all taken.
PLATFORM = ["Availability.h", "TargetConditionals.h", "libkern/OSByteOrder.h", "mach/error.h", "mach/mach.h",
            "mach/mach_time.h", "net/ethernet.h", "os/log.h", "string.h", "strings.h", "time.h"]

PRELUDE = """
#include <cstddef>
#include <cstdint>
#include <string_view>
#include <concepts>
#include <new>
#include <type_traits>
#include <utility>
namespace od_facts {
template <typename T> using od_type = T;
template <typename T> void take(T);
template <typename T> concept has_implicit_default = requires { take<T>({}); };
constexpr bool same(std::string_view have, std::string_view want) { return have == want; }
// Values are compared in the width of the constant: 0xffffffff is -1 for an int.
template <typename T> constexpr bool same(T have, unsigned long long want) {
    if constexpr (sizeof(T) <= 4) {
        return static_cast<uint32_t>(have) == static_cast<uint32_t>(want) &&
               (want >> 32 == 0 || want >> 31 == 0x1ffffffffull);
    } else {
        return static_cast<unsigned long long>(have) == want;
    }
}
"""


def is_dispatchable(row):
    """Its declaration made by iig ends with the parameter `supermethod`."""
    attributes = facts.first_attributes(row)
    return ("virtual" in attributes and "LOCALONLY" not in attributes
            and row.member not in ("init", "free", "retain", "release"))


def owner(row):
    """The C++ class that has the member: for an extension the extended one."""
    for word in row.attributes:
        match = re.fullmatch(r"extension of (\w+)", word)
        if match:
            return match.group(1)
    return row.class_name


def plain_types(parameters):
    return [facts.without_parameter_name(item) for item in facts.split_top(parameters)]


def check_lifetime(row):
    """Constructors and destructors of plain classes."""
    if row.class_name in TEMPLATES:
        return None
    if row.member.startswith("~"):
        return "static_assert(std::is_destructible_v<::%s>);" % row.class_name
    parts = facts.split_signature(row.signature, row.member)
    types = plain_types(parts[1])
    check = "static_assert(std::is_constructible_v<%s>);" % ", ".join(["::" + row.class_name] + types)
    if parts[0] == "explicit" and not types:
        check += " static_assert(!has_implicit_default<::%s>);" % row.class_name
    return check


def check_method(row):
    if row.class_name in templates.INSTANCES:
        return templates.check(row, plain_types)
    if row.member.lstrip("~") == row.class_name:
        return check_lifetime(row)
    if row.member.startswith("operator") or row.class_name in TEMPLATES:
        return None
    parts = facts.split_signature(row.signature, row.member)
    if not parts or "template" in parts[0] or "template arguments lost in source" in row.attributes:
        return None
    result, parameters, behind = parts
    result = re.sub(r"\b(static|virtual|constexpr|explicit|extern)\b", " ", result).strip()
    behind = re.sub(r"\boverride\b|= 0", " ", behind).strip()
    types = plain_types(parameters)
    if is_dispatchable(row) and row.kind == "method":
        types.append("OSDispatchMethod")
    where = "" if row.kind == "static" else owner(row) + "::"
    return "using od_s%d = %s(%s) %s; static_assert(static_cast<od_s%d %s*>(&%s::%s) != nullptr);" % (
        row.line, result, ", ".join(types), behind, row.line, where, owner(row), row.member)


def check_function(row):
    parts = facts.split_signature(row.signature, row.member)
    if row.member.startswith("operator") or not parts or any(name in row.signature for name in TEMPLATES):
        return None
    result = re.sub(r"\b(static|extern|inline|constexpr)\b", " ", parts[0]).strip()
    return "using od_s%d = %s(%s); static_assert(static_cast<od_s%d *>(&::%s) != nullptr);" % (
        row.line, result, ", ".join(plain_types(parts[1])), row.line, row.member)


def same_type(have, declaration, name):
    """`have` is the type that the declaration gives `name`."""
    at = list(re.finditer(r"(?<!\w)%s(?!\w)" % re.escape(name), declaration))[-1]
    wanted = (declaration[:at.start()] + declaration[at.end():]).strip()
    return "static_assert(std::is_same_v<%s, od_type<%s>>);" % (have, wanted)


def check_typedef(row):
    if row.class_name in templates.INSTANCES:
        return templates.check_type(row)
    if row.class_name or "libkern::" in row.signature or "void_t" in row.signature or "typename" in row.signature or "type-parameter" in row.signature:
        return None
    return same_type("::" + row.member, row.signature.removeprefix("typedef "), row.member)


def check_field(row):
    if row.class_name in templates.INSTANCES:
        return templates.check_type(row)
    if not row.class_name or row.class_name in TEMPLATES or "type-parameter" in row.signature:
        return None
    if "template arguments lost in source" in row.attributes:
        return None
    declaration = re.sub(r"\bmutable\b", "", row.signature).strip()
    return same_type("decltype(%s::%s)" % (row.class_name, row.member), declaration, row.member)


def check_struct(row):
    if row.class_name in TEMPLATES or "template" in row.signature or row.class_name not in ("", row.member):
        return None
    if row.attributes == ("header only",) and row.member == "IOLock":
        return "static_assert(std::is_class_v<struct ::IOLock>);"
    # A function may have the name of a struct, as mach_timebase_info does.
    return "static_assert(sizeof(%s%s) > 0);" % ("struct ::" if row.signature.startswith("struct") else "::", row.member)


def check_enum(row):
    match = re.search(r"enum(?: \w+)? : ([\w ]+?)(?: \{|$)", row.signature)
    underlying = match.group(1) if match else "unsigned int"
    return "static_assert(std::is_same_v<std::underlying_type_t<::%s>, %s>);" % (row.member, underlying)


def check_class(row):
    for word in row.attributes:
        match = re.fullmatch(r"EXTENDS\((\w+)\)", word)
        if match:  # the extended class has the methods; the name stays iig's
            return "static_assert(std::is_class_v<::%s>);" % match.group(1)
    match = re.search(r": public (\w+)", row.signature)
    if match:
        return "static_assert(std::is_base_of_v<::%s, ::%s>);" % (match.group(1), row.member)
    return "static_assert(std::is_class_v<::%s>);" % row.member


NUMBER = r"-?(?:0x[0-9a-fA-F]+|\d+)(?:ull)?"


def as_unsigned(number):
    number = number.removesuffix("ull")
    return "0x%xull" % (int(number, 0) % (1 << 64))


def check_constant(row):
    if row.signature == row.member:  # no value is known
        return "static_assert(sizeof(%s) > 0);" % row.member
    match = re.fullmatch(r"(\w+) = (%s)( .*)?" % NUMBER, row.signature)
    return match and "static_assert(same(%s, %s));" % (row.member, as_unsigned(match.group(2)))


def defined(row):
    return "\n#ifndef %s\n#line %d \"%s\"\n#error macro %s is not declared\n#endif" % (
        row.member, row.line, CSV_NAME, row.member)


def check_macro(row):
    match = re.fullmatch(r"#define \w+(?:\(.*?\)|\s+(.+))?", row.signature)
    value = match.group(1)
    if value is None or row.member in IIG_WORDS:
        return defined(row)
    if value.startswith('"'):
        return "static_assert(std::string_view(%s) == %s);" % (row.member, value)
    if re.fullmatch(NUMBER, value):
        return "static_assert(same(%s, %s));" % (row.member, as_unsigned(value))
    if re.fullmatch(r"\w+", value) and value not in ("nullptr", "NULL", "PRIu64"):
        return "static_assert(same(%s, %s));" % (row.member, value)
    return None


CHECKS = {"method": check_method, "static": check_method, "function": check_function, "typedef": check_typedef,
          "field": check_field, "struct": check_struct, "enum": check_enum, "class": check_class,
          "constant": check_constant, "macro": check_macro}


@functools.cache
def handwritten(path=HERE / "handwritten.cpp"):
    """From a file, by the key of a row: the check of a row that no rule covers (templates, operators, variables); and why
    a row is not as the facts say, where Linux gives no choice."""
    checks, deviations, key = {}, {}, None
    for line in pathlib.Path(path).read_text(encoding="utf-8").splitlines():
        match = re.match(r"// (Row|Deviation): (.*)", line)
        if match and match.group(1) == "Row":
            key = match.group(2).strip()
            if key in checks:
                raise SystemExit("%s has two checks for %s" % (path, key))
            checks[key] = []
        elif match:
            deviations[key] = match.group(2)
        elif key and line.strip() and not line.startswith("//"):
            checks[key].append(line)
    return checks, deviations


def key_of(row):
    return "%s: %s" % (row.name, row.signature)


def is_iig_word(row):
    return row.kind == "macro" and row.member in IIG_WORDS


def prelude_by_hand():
    return (HERE / "handwritten_prelude.h").read_text(encoding="utf-8")


def generate(rows, headers, by_hand, prelude=""):
    """The source text, and the rows that have no check yet. `by_hand`: checks that go before the rules'."""
    text = ["#include <%s>" % header for header in headers] + [PRELUDE, prelude]
    unchecked = []
    for row in rows:
        lines = by_hand.get(key_of(row))
        if lines is None:
            check = CHECKS[row.kind](row)
            lines = [check] if check else None
        if lines is None:
            unchecked.append(row)
            continue
        for line in lines:
            text.append('#line %d "%s"\n%s' % (row.line, CSV_NAME, line))
    text.append("}  // namespace od_facts")
    return "\n".join(text) + "\n", unchecked


def headers_of(build, framework=facts.CORE):
    include = pathlib.Path(build) / "sdk/include"
    if not (include / framework / (framework + ".h")).exists():
        raise SystemExit("%s has no SDK of %s: build the target sdk_%s first" % (build, framework, framework))
    if framework != facts.CORE:
        return [framework + "/" + framework + ".h"] + sorted(
            str(path.relative_to(include)) for path in (include / framework).glob("*.h"))
    found = sorted(str(path.relative_to(include)) for path in (include / "DriverKit").rglob("*.h"))
    platform = pathlib.Path(build) / "sdk/platform"
    found += sorted(str(path.relative_to(platform)) for path in (platform / "DriverKit").rglob("*.h"))
    # The umbrella header first, as most drivers do.
    return ["DriverKit/DriverKit.h"] + [header for header in found if header != "DriverKit/DriverKit.h"] + PLATFORM


def run_compiler(text, command):
    """Checks the text with a compiler; gives {CSV line: first message} and the errors that belong to no row."""
    with tempfile.TemporaryDirectory() as folder:
        source = pathlib.Path(folder) / "facts.cpp"
        source.write_text(text, encoding="utf-8")
        run = subprocess.run([*command, "-fsyntax-only", "-fno-access-control", "-ferror-limit=0", "-w",
                              "-fno-caret-diagnostics", str(source)], capture_output=True, text=True, check=False)
    messages, others = {}, []
    for line in run.stderr.splitlines():
        match = re.match(r"(.*?):(\d+):\d+: (?:fatal )?error: (.*)", line)
        if not match:
            continue
        if match.group(1) == CSV_NAME:
            messages.setdefault(int(match.group(2)), match.group(3))
        else:
            others.append(line)
    return messages, others


def compile_checks(text, build, compiler, extra=()):
    """run_compiler() with the flags of dexts."""
    build = pathlib.Path(build)
    flags = (build / "sdk/dext-flags.rsp").read_text(encoding="utf-8").split()
    return run_compiler(text, [compiler, *flags, *extra, "-isystem", str(build / "sdk/platform"), "-isystem",
                               str(build / "sdk/include")])
