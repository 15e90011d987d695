# SPDX-License-Identifier: Apache-2.0
"""The short form of the campaign, and that it notices what it looks for. OPENDEXT_SEED=N repeats a run; README.md tells of the
long form."""

import json
import os
import random
import shutil
import sys
import tempfile
import unittest

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import campaign  # noqa: E402 pylint: disable=wrong-import-position
import world as w  # noqa: E402 pylint: disable=wrong-import-position

FAULTS = int(os.environ.get("OPENDEXT_CAMPAIGN_FAULTS", "80"))


def options(**more):
    chosen = campaign.parse(["--seed", os.environ.get("OPENDEXT_SEED") or str(random.SystemRandom().randrange(1 << 32))])
    vars(chosen).update(more)
    return chosen


class Campaign(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.built = tempfile.mkdtemp(prefix="opendext-campaign-programs-")
        cls.addClassCleanup(shutil.rmtree, cls.built, ignore_errors=True)
        w.build(cls.built)

    def test_nobody_else_notices_a_fault_and_everybody_is_back(self):
        self.run_and_check(FAULTS, period=30, scenarios=",".join(name for name in campaign.names() if name != "hid"))

    def test_nobody_else_notices_a_fault_of_hid(self):
        self.run_and_check(FAULTS // 2, period=5, patient=True, scenarios="hid")

    def run_and_check(self, faults, **more):
        chosen = options(faults=faults, batch=faults, **more)
        print(f"OPENDEXT_SEED={chosen.seed}", flush=True)
        results, lost, problems = campaign.run(chosen, self.built)
        rows = campaign.summary(results, lost)
        campaign.show(rows)
        self.assertEqual(problems, [])
        self.assertEqual(rows["all"]["injected"], faults)
        self.assertEqual(rows["all"]["lost"], 0)
        self.assertGreater(rows["all"]["recovered"], faults // 8)
        json.dumps(rows)

    def world(self):
        folder = tempfile.mkdtemp(prefix="opendext-campaign-")
        world = w.World(self.built, folder, {})
        self.addCleanup(world.remove)
        self.addCleanup(world.end)
        scenario = campaign.load_scenario("core")(world)
        scenario.set_up()
        world.scenarios = [scenario]
        world.started()
        return world, scenario

    def test_what_must_not_happen_is_noticed(self):
        world, scenario = self.world()
        world.check_bystanders()
        before = campaign.Batch.rest(world, [("core", scenario)], None)
        deadline, w.DEADLINE = w.DEADLINE, 0.5
        self.addCleanup(setattr, w, "DEADLINE", deadline)
        left = os.path.join(world.realm.root, "run", "left-behind")
        with open(left, "w", encoding="utf-8"):
            pass
        with self.assertRaisesRegex(w.Violation, "leaks: files run"):
            campaign.Batch.rest(world, [("core", scenario)], before)
        os.unlink(left)
        w.DEADLINE = deadline
        bystander = next(iter(scenario.stable.values()))
        w.kill(bystander)
        w.wait_for_end(bystander)
        with self.assertRaisesRegex(w.Violation, "bystander 4"):
            while True:
                world.check_bystanders()

    def test_the_same_seed_is_the_same_schedule(self):
        def schedule(seed):
            chosen = options(seed=seed)
            plan = campaign.Schedule(chosen, [(name, campaign.load_scenario(name)(None)) for name in campaign.names()])
            return [(name, kind.name, drawn.random()) for name, kind, drawn in map(plan.fault, range(2 * chosen.batch))]
        one = schedule(1)
        self.assertEqual(one, schedule(1))
        self.assertNotEqual(one, schedule(2))
        kinds = {(name, kind) for name, kind, _ in one}
        self.assertGreater(len(kinds), 80, "most kinds come up in a thousand")
        period = campaign.parse([]).period
        late = {kind for at, (_, kind, _) in enumerate(one) if at % period == period - 1}
        self.assertFalse(late & {kind for at, (_, kind, _) in enumerate(one) if at % period != period - 1},
                         "opendextd is hurt once in a period only")


if __name__ == "__main__":
    unittest.main(verbosity=2)
