# SPDX-License-Identifier: Apache-2.0
"""Runs benchmarks: every folder here with a bench.py, whose run(options, row) yields rows; arguments(group), if it is there,
adds options of its own."""

import argparse
import importlib.util
import json
import os
import signal
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
FIELDS = ("bench", "case", "metric", "unit", "ours", "peer", "peer_name", "ratio")


def names():
    return sorted(name for name in os.listdir(HERE) if os.path.exists(os.path.join(HERE, name, "bench.py")))


def load(name):
    path = os.path.join(HERE, name, "bench.py")
    sys.path.insert(0, os.path.dirname(path))
    spec = importlib.util.spec_from_file_location(f"bench_{name}", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def row(bench, case, metric, unit, ours, peer, peer_name):
    """One result; `ratio` is ours / peer."""
    return {"bench": bench, "case": case, "metric": metric, "unit": unit, "ours": round(ours, 3),
            "peer": round(peer, 3), "peer_name": peer_name, "ratio": round(ours / peer, 3) if peer else None}


def main():
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # realms and peers are ended on the way out
    os.environ.setdefault("OPENDEXT_PREFIX", os.path.join(os.path.dirname(HERE), "build"))
    parser = argparse.ArgumentParser(prog="bench", description="Measures OpenDext beside its peers.")
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"one of: {', '.join(names())} (default: all)")
    parser.add_argument("--json", metavar="FILE", help="also write the rows there")
    parser.add_argument("--quick", action="store_true", help="less work, more noise")
    benchmarks = {name: load(name) for name in names()}
    for name, module in benchmarks.items():
        if hasattr(module, "arguments"):
            module.arguments(parser.add_argument_group(name))
    options = parser.parse_args()
    unknown = sorted(set(options.names) - set(names()))
    if unknown:
        parser.error(f"there is no benchmark {', '.join(unknown)}; there are {', '.join(names())}")

    rows = []
    for name in options.names or names():
        for one in benchmarks[name].run(options, row):
            rows.append(one)
            ratio = "" if one["ratio"] is None else f"{one['ratio']:8.2f}"
            print(f"{one['bench']:10} {one['case']:44} {one['metric']:14} {one['ours']:10.2f} {one['unit']:6}"
                  f" {one['peer_name']:>8} {one['peer']:10.2f} {ratio}", flush=True)
    if options.json:
        with open(options.json, "w", encoding="utf-8") as file:
            json.dump(rows, file, indent=1)
            file.write("\n")


if __name__ == "__main__":
    main()
