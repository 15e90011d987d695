# SPDX-License-Identifier: Apache-2.0
"""The cases: text that says for all languages at once what a client does and what has to come of it.

    case name of the case [strict]        begins a case; everything that it made is gone at its end
    only c c++                            the case is for these runners
    call c $Echo in=1,2 out=2             a step; $Echo is kSuiteEcho of suite/SuiteProtocol.h
    > ok out=2,3                          what it prints; … stands for anything
    for n in 0, 1, 16                     the steps up to `end`, once for each value
    call c $Echo in={seq(n)} out={n}      { } is a Python expression
    > ok{out(seq(n, 2))}
    end

`strict`: the case runs in a realm that refuses what entitlements do not allow."""

import os
import re
import zlib

HERE = os.path.dirname(os.path.abspath(__file__))


def enumerators():
    """Echo, Memory and so on, without kSuite, with their values."""
    found = {}
    with open(os.path.join(HERE, "suite", "SuiteProtocol.h"), encoding="utf-8") as file:
        text = re.sub(r"/\*.*?\*/", "", file.read(), flags=re.S)
    for name, value in re.findall(r"\bkSuite(\w+)\s*=\s*(\w+)", text):
        found[name] = int(value, 0)
    return found


def pattern(size, seed):
    """The bytes that runners send for data=SIZE:SEED."""
    return bytes((i * 31 + seed + (i >> 8)) & 0xff for i in range(size))


def described(data):
    """How runners print bytes."""
    return f"{len(data)}:{zlib.adler32(data):08x}"


WORDS = {
    "seq": lambda count, first=1: ",".join(str(first + i) for i in range(count)),
    "out": lambda text: " out=" + text if text else "",
    "sent": lambda size, seed: described(pattern(size, seed)),
    "inverted": lambda size, seed, room=None: described(
        bytes(byte ^ 0xff for byte in pattern(size, seed)) + bytes(max(0, (room or size) - size))),
    "repeated": lambda size, byte: described(bytes([byte]) * size),
    "checksum": lambda size, seed, add=0: f"{zlib.adler32(bytes((b + add) & 0xff for b in pattern(size, seed))):08x}",
    "total": lambda size, seed, add=0: sum((b + add) & 0xff for b in pattern(size, seed)),
    "pattern": pattern,
    "described": described,
    "inverse": lambda data: bytes(byte ^ 0xff for byte in data),
    "sum_of": lambda data, add=0: sum((byte + add) & 0xff for byte in data),
}


class Case:
    def __init__(self, name, strict, where):
        self.name, self.strict, self.where = name, strict, where
        self.only = None
        self.steps = []  # [line for the runners, [expected lines], number of the line]

    def script(self):
        return "\n".join([f"case {self.name}", *(step[0] for step in self.steps)]) + "\n"

    def expected(self):
        return [line for step in self.steps for line in step[1]]


def fill_in(text, words, where):
    """$Name and {expression} replaced."""
    def value(found):
        try:
            return str(eval(found[1], {"__builtins__": {}, "range": range, "len": len}, words))
        except Exception as error:
            raise ValueError(f"{where}: {{{found[1]}}}: {error!r}") from error

    def name(found):
        if found[1] not in words:
            raise ValueError(f"{where}: SuiteProtocol.h has no kSuite{found[1]}")
        return str(words[found[1]])

    return re.sub(r"\{([^{}]*)\}", value, re.sub(r"\$(\w+)", name, text))


def expand(lines, words):
    """[(number, line)] with loops unrolled and names filled in."""
    done = []
    at = 0
    while at < len(lines):
        where, line = lines[at]
        at += 1
        loop = re.fullmatch(r"for ([\w, ]+) in (.+)", line)
        if not loop:
            done.append((where, fill_in(line, words, where)))
            continue
        depth, body = 1, []
        while at < len(lines):
            if lines[at][1].startswith("for "):
                depth += 1
            elif lines[at][1] == "end":
                depth -= 1
                if depth == 0:
                    break
            body.append(lines[at])
            at += 1
        else:
            raise ValueError(f"{where}: `for` without `end`")
        at += 1
        names = loop[1].split(", ")
        values = re.sub(r"\$(\w+)", r"\1", loop[2])
        for value in eval(values if "range" in values else f"({values},)", {"__builtins__": {}, "range": range}, words):
            done += expand(body, {**words, **dict(zip(names, value if len(names) > 1 else (value,)))})
    return done


def read(name):
    """The cases of one file."""
    path = os.path.join(HERE, "cases", name)
    with open(path, encoding="utf-8") as file:
        lines = [(f"{name}:{number}", line.strip()) for number, line in enumerate(file, 1)]
    lines = [(where, line) for where, line in lines if line and not line.startswith("#")]
    cases = []
    for where, line in expand(lines, {**WORDS, **enumerators()}):
        if line.startswith("case "):
            words = line[5:].split()
            strict = words[-1] == "strict"
            cases.append(Case(" ".join(words[:-1] if strict else words), strict, where))
        elif line.startswith("only "):
            cases[-1].only = line[5:].split()
        elif line.startswith("> "):
            cases[-1].steps[-1][1].append(line[2:])
        else:
            cases[-1].steps.append([line, [], where])
    return cases


def every_case():
    return [case for name in sorted(os.listdir(os.path.join(HERE, "cases"))) if name.endswith(".txt") for case in read(name)]


def matches(expected, line):
    return re.fullmatch(".*?".join(re.escape(part) for part in expected.split("…")), line) is not None


def difference(case, printed):
    """What is wrong with the lines that a runner printed for a case; "" if nothing is."""
    expected = case.expected()
    wrong = [f"  wanted  {want}\n  printed {got}" for want, got in zip(expected, printed) if not matches(want, got)]
    for line in expected[len(printed):]:
        wrong.append(f"  wanted  {line}\n  printed nothing")
    for line in printed[len(expected):]:
        wrong.append(f"  wanted  nothing\n  printed {line}")
    return f"{case.where}: {case.name}\n" + "\n".join(wrong) if wrong else ""
