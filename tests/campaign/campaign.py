# SPDX-License-Identifier: Apache-2.0
"""Injects faults into drivers of every family under load, in real realms, and checks after each one that nobody else
noticed. README.md tells what is injected and what is checked."""

import argparse
import concurrent.futures
import importlib
import json
import os
import random
import shutil
import signal
import sys
import tempfile
import time
import traceback

import world as w
from scenario import LOST, RECOVERED, SURVIVED

# Growth over a batch that is no leak: what allocators keep, tables that grew once.
MEMORY_KIB = 4096
WARM_UP = 12
# Bystanders compare all the time; whether they still go on is asked after so many faults that hurt no process.
LIGHT = 10


def names():
    folder = os.path.join(w.HERE, "scenarios")
    return sorted(name[:-3] for name in os.listdir(folder) if name.endswith(".py"))


def load_scenario(name):
    sys.path.insert(0, os.path.join(w.HERE, "scenarios"))
    return importlib.import_module(name).Scenario


class Schedule:
    """Which fault is the n-th: depends on the seed and the number only."""

    def __init__(self, options, scenarios):
        self.seed, self.period = options.seed, options.period
        wanted = options.kind
        self.shares = {name: scenario.share for name, scenario in scenarios}
        self.kinds = [(name, kind) for name, scenario in scenarios for kind in scenario.kinds()
                      if wanted in f"{name}: {kind.name}" and not (options.without and options.without in f"{name}: {kind.name}")]
        if not self.kinds:
            raise SystemExit(f"campaign: there is no kind of fault {wanted!r}; --list shows them")
        self.weighted = {late: self.weights(late) for late in (False, True)}

    def weights(self, late):
        """(kinds, weight of each) to choose from."""
        kinds = [(name, kind) for name, kind in self.kinds if kind.late == late] or self.kinds
        # Each scenario gets its share, whatever the number of its kinds.
        total = {each: sum(kind.weight for name, kind in kinds if name == each) for each, _ in kinds}
        return kinds, [self.shares[name] * kind.weight / total[name] for name, kind in kinds]

    def fault(self, number):
        chosen = random.Random(f"{self.seed}/{number}")
        kinds, weights = self.weighted[number % self.period == self.period - 1]
        name, kind = chosen.choices(kinds, weights)[0]
        return name, kind, chosen


class Batch:
    """Faults in one realm."""

    def __init__(self, options, built, first, count):
        self.options, self.built, self.first, self.count = options, built, first, count
        self.results = []  # (kind, outcome)
        self.problem = None
        self.light = 0

    def run(self):
        folder = tempfile.mkdtemp(prefix="opendext-campaign-")
        settings = dict(setting.split("=", 1) for setting in self.options.set)
        world = w.World(self.built, folder, settings, pace_us=self.options.pace, patient=self.options.patient)
        number = name = None
        failed = True
        try:
            scenarios = [(each, load_scenario(each)(world)) for each in self.options.scenarios.split(",")]
            for _, scenario in scenarios:
                scenario.set_up()
            world.scenarios = [scenario for _, scenario in scenarios]
            world.started()
            schedule = Schedule(self.options, scenarios)
            before = None
            for number in range(self.first, self.first + self.count):
                if number == self.first + WARM_UP or self.count <= WARM_UP and before is None:
                    # Of an opendextd that has adopted: it holds what it fetched from the keeper.
                    world.replace_daemon()
                    world.drivers_come_back()
                    before = self.rest(world, scenarios, None)
                owner, kind, chosen = schedule.fault(number)
                name = f"{owner}: {kind.name}"
                if self.options.verbose:
                    print(f"{number} {name}", flush=True)
                self.results.append((name, self.inject(world, kind, chosen)))
            name = "the end of the batch"
            self.rest(world, scenarios, before)
            failed = False
        except Exception as problem:  # pylint: disable=broad-exception-caught
            text = f"{type(problem).__name__}: {problem}" if not isinstance(problem, w.Violation) else str(problem)
            self.problem = f"fault {number} ({name}): {text}"
            if self.options.verbose or not isinstance(problem, w.Violation):
                traceback.print_exc()
        finally:
            self.end(world, failed)
        return self

    def inject(self, world, kind, chosen):
        outcome = kind.inject(chosen)
        self.light = self.light + 1 if kind.light else LIGHT
        if self.light >= LIGHT:
            world.check_bystanders()
            world.check_processes()
            self.light = 0
        return outcome

    @staticmethod
    def rest(world, scenarios, before):
        """Everything goes on, and the realm uses what it used `before`; gives what it uses now."""
        for _, scenario in scenarios:
            scenario.check_all()
        if before is None:
            # Twice the same: nothing is on its way any more.
            last = [None]

            def still():
                now = world.use()
                same, last[0] = now == last[0], now
                return same
            w.harness.wait_for(still, "the realm to come to rest", w.DEADLINE, interval=0.1)
            return last[0], world.memory(), world.daemon_descriptors
        use, memory, of_daemon = before
        grown = {}

        def gone():
            now = world.use()
            grown.clear()
            grown.update({what: (use.get(what, 0), count) for what, count in now.items() if count > use.get(what, 0)})
            return not grown
        try:
            w.harness.wait_for(gone, "the realm to come to rest", w.DEADLINE, interval=0.1)
        except AssertionError:
            raise w.Violation("something leaks: " + ", ".join(f"{what}: {was} before, {now} now" for what, (was, now) in grown.items()) +
                              f"; those of opendextd were {of_daemon}, are {world.daemon_descriptors}") from None
        for what, kib in world.memory().items():
            if what in memory and kib > memory[what] + MEMORY_KIB:
                raise w.Violation(f"memory of {what} grew from {memory[what]} to {kib} KiB")
        return before

    def end(self, world, failed):
        try:
            world.end()
        except Exception as problem:  # pylint: disable=broad-exception-caught
            self.problem = self.problem or f"at the end of the realm: {problem}"
            failed = True
        if failed and self.options.keep:
            print(f"campaign: the realm's files are kept in {world.folder}", file=sys.stderr)
        else:
            world.remove()


def quantile(values, share):
    return sorted(values)[min(len(values) - 1, int(len(values) * share))] / 1e6 if values else None


def counted(results, lost):
    """Per kind of fault: what was injected, what became of it, how long each recovery took, and details."""
    rows = {}

    def row_of(name):
        return rows.setdefault(name, {"injected": 0, SURVIVED: 0, RECOVERED: 0, LOST: 0, "ns": [], "details": {}})
    for name, outcome in results:
        row = row_of(name)
        row["injected"] += 1
        row[outcome.what] += 1
        if outcome.what == RECOVERED:
            row["ns"].append(outcome.ns)
        if outcome.detail:
            row["details"][outcome.detail] = row["details"].get(outcome.detail, 0) + 1
    for name in lost:
        row = row_of(name)
        row["injected"] += 1
        row[LOST] += 1
    return rows


def summed(parts):
    """What several of counted() are together, with a row for all kinds; recovery in ms."""
    rows = {}
    for part in parts:
        for name, row in part.items():
            for key in (name, "all"):
                into = rows.setdefault(key, {"injected": 0, SURVIVED: 0, RECOVERED: 0, LOST: 0, "ns": [], "details": {}})
                for what in ("injected", SURVIVED, RECOVERED, LOST):
                    into[what] += row[what]
                into["ns"] += row["ns"]
                if key == name:
                    for what, count in row["details"].items():
                        into["details"][what] = into["details"].get(what, 0) + count
    for row in rows.values():
        ns = row.pop("ns")
        row["p50_ms"], row["p99_ms"] = quantile(ns, 0.5), quantile(ns, 0.99)
    return rows


def summary(results, lost):
    """The same of one run."""
    return summed([counted(results, lost)])


def show(rows):
    print(f"{'kind of fault':50} {'injected':>8} {'survived':>8} {'recovered':>9} {'p50 ms':>8} {'p99 ms':>8} {'lost':>5}")
    for name in sorted(rows, key=lambda name: (name == "all", name)):
        row = rows[name]
        times = "".join(f" {row[key]:8.2f}" if row[key] is not None else f" {'-':>8}" for key in ("p50_ms", "p99_ms"))
        print(f"{name:50} {row['injected']:8} {row[SURVIVED]:8} {row[RECOVERED]:9}{times} {row[LOST]:5}")


def first_of(options, number):
    """The first fault of the batch of a fault."""
    return int(number) // options.batch * options.batch if number.isdigit() else options.first


def parse(arguments):
    parser = argparse.ArgumentParser(prog="campaign.py", description=__doc__,
                                     epilog="OPENDEXT_PREFIX names the build; OPENDEXT_TEST_PATIENCE multiplies all deadlines.")
    parser.add_argument("--faults", type=int, default=100, metavar="N", help="how many (default: 100)")
    parser.add_argument("--seed", type=int, default=None, metavar="N", help="the same seed injects the same faults (default: random)")
    parser.add_argument("--only", type=int, metavar="N", help="just the N-th fault of the seed")
    parser.add_argument("--first", type=int, default=0, metavar="N", help="begin with the N-th")
    parser.add_argument("--batch", type=int, default=500, metavar="N", help="faults in one realm (default: 500)")
    parser.add_argument("--period", type=int, default=250, metavar="N",
                        help="one fault of so many ends opendextd, which may crash five times in a minute (default: 250)")
    parser.add_argument("--patient", action="store_true", help="opendextd may crash as often as it likes: for a short period")
    parser.add_argument("--pace", type=int, default=300, metavar="US", help="pause of the load between two calls (default: 300)")
    parser.add_argument("--jobs", type=int, default=1, metavar="N", help="realms at a time (default: 1)")
    parser.add_argument("--seconds", type=float, metavar="S", help="begin no batch after this time")
    parser.add_argument("--scenarios", default=",".join(names()), metavar="LIST", help=f"of {','.join(names())} (default: all)")
    parser.add_argument("--kind", default="", metavar="TEXT", help="only kinds whose name has this text")
    parser.add_argument("--without", default="", metavar="TEXT", help="no kinds whose name has this text")
    parser.add_argument("--set", action="append", default=[], metavar="KEY=VALUE", help="a setting of the realms (opendextd(8))")
    parser.add_argument("--list", action="store_true", help="print all kinds of faults")
    parser.add_argument("--json", metavar="FILE", help="also write the result there")
    parser.add_argument("--log", metavar="FILE", help="append the result of each batch there, one JSON object a line")
    parser.add_argument("--sum", nargs="+", metavar="FILE", help="inject nothing; show what the batches in these logs are together")
    parser.add_argument("--keep-going", action="store_true", help="after a failure go on with the next batch")
    parser.add_argument("--keep", action="store_true", help="keep the files of realms in which something failed")
    parser.add_argument("--verbose", action="store_true", help="print each fault before it is injected")
    options = parser.parse_args(arguments)
    if options.seed is None:
        options.seed = random.SystemRandom().randrange(1 << 32)
    if options.only is not None:
        options.first, options.faults = options.only, 1
    return options


def listed(options):
    for name in options.scenarios.split(","):
        for kind in load_scenario(name)(None).kinds():
            print(f"{name}: {kind.name}")


def batches(options, built):
    """(first, count) of each batch, one after the other."""
    end = options.first + options.faults
    for first in range(options.first, end, options.batch):
        yield Batch(options, built, first, min(options.batch, end - first))


def run(options, built):
    """Runs all batches; gives results, names of lost faults, problems."""
    results, lost, problems = [], [], []
    begin = time.monotonic()
    with concurrent.futures.ProcessPoolExecutor(options.jobs) as pool:
        waiting = batches(options, built)
        running = set()
        over = False
        while True:
            while not over and len(running) < options.jobs:
                batch = next(waiting, None)
                if batch is None or options.seconds and time.monotonic() - begin > options.seconds:
                    over = True
                    break
                running.add(pool.submit(batch.run))
            if not running:
                return results, lost, problems
            done, running = concurrent.futures.wait(running, return_when=concurrent.futures.FIRST_COMPLETED)
            for future in done:
                batch = future.result()
                results += batch.results
                own = []
                if batch.problem:
                    problems.append(batch.problem)
                    own.append(batch.problem.split("(", 1)[-1].split(")", 1)[0])
                    lost += own
                    print(f"campaign: {batch.problem}", file=sys.stderr, flush=True)
                    over = over or not options.keep_going
                if options.log:
                    write_log(options, batch, own)
                print(f"campaign: {len(results)} of {options.faults} faults, {len(problems)} failures, {time.monotonic() - begin:.0f} s",
                      file=sys.stderr, flush=True)


def write_log(options, batch, lost):
    line = {"seed": options.seed, "first": batch.first, "batch": options.batch, "period": options.period, "end": int(time.time()),
            "kinds": counted(batch.results, lost), "problem": batch.problem}
    with open(options.log, "a", encoding="utf-8") as file:
        file.write(json.dumps(line) + "\n")


def show_logs(options):
    batches = []
    for name in options.sum:
        with open(name, encoding="utf-8") as file:
            batches += [json.loads(line) for line in file]
    rows = summed(batch["kinds"] for batch in batches)
    show(rows)
    print(f"{len(batches)} realms, seeds {', '.join(map(str, sorted({batch['seed'] for batch in batches})))}")
    problems = [f"seed {batch['seed']}: {batch['problem']}" for batch in batches if batch["problem"]]
    print("".join(f"FAILED: {problem}\n" for problem in problems), end="")
    if options.json:
        with open(options.json, "w", encoding="utf-8") as file:
            json.dump({"kinds": rows, "problems": problems}, file, indent=1)
            file.write("\n")
    return 1 if problems else 0


def main(arguments=None):
    options = parse(arguments)
    if options.sum:
        return show_logs(options)
    if options.list:
        listed(options)
        return 0
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    print(f"campaign: seed {options.seed}", flush=True)
    built = tempfile.mkdtemp(prefix="opendext-campaign-programs-")
    begin = time.monotonic()
    try:
        w.build(built)
        results, lost, problems = run(options, built)
    finally:
        shutil.rmtree(built, ignore_errors=True)
    rows = summary(results, lost)
    show(rows)
    print(f"{len(results)} faults in {time.monotonic() - begin:.0f} s")
    for problem in problems:
        number = problem.split()[1]
        print(f"FAILED: {problem}\n  again: {os.path.relpath(__file__)} --seed {options.seed} --batch {options.batch} --only {number}\n"
              f"  with what went before in its realm: --seed {options.seed} --batch {options.batch} "
              f"--first {first_of(options, number)} --faults {options.batch}")
    if options.json:
        with open(options.json, "w", encoding="utf-8") as file:
            json.dump({"seed": options.seed, "faults": len(results), "seconds": time.monotonic() - begin, "kinds": rows,
                       "problems": problems}, file, indent=1)
            file.write("\n")
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
