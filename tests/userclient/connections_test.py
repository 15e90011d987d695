# SPDX-License-Identifier: Apache-2.0
"""Many connections: a thousand at the same time, and open and close again and again. OPENDEXT_TEST_LONG=1 makes 100,000
of these. And what a connection is: an object of the driver's own process with the driver as provider; sealed memory."""

import fcntl
import os
import signal
import time
import unittest

import harness
import strain_realm
from strain_realm import ALONE, IN_CALL, NOWHERE, OWN_QUEUE, SHARED_QUEUE, SUCCESS, Use

CONNECTIONS = 1000
CYCLES = 100000 if strain_realm.LONG else 2000
F_GET_SEALS = 1034
ALONE_CYCLES = 1000
NO_RESOURCES = 0xe00002be
EXCLUSIVE_ACCESS = 0xe00002c5
ALL_SEALS = 0x1 | 0x2 | 0x4  # seal, shrink, grow


class Connections(strain_realm.StrainCase):
    def parties(self, driver, *programs):
        """Process ids of all who take part, by name."""
        keeper = self.realm.keeper_pid()
        daemon = [pid for pid in self.realm.processes() if harness.command_line(pid).split(" ")[0].endswith("opendextd")]
        self.assertEqual(len(daemon), 1)
        return {"keeper": keeper, "opendextd": daemon[0], "driver": driver,
                **{f"client {number}": program.pid for number, program in enumerate(programs)}}

    def entries(self):
        """How many entries the registry has."""
        def count(entry):
            return 1 + sum(count(child) for child in entry.get("children") or [])
        tree = self.registry()
        return sum(count(entry) for entry in (tree if isinstance(tree, list) else [tree]))

    def test_a_thousand_connections_each_have_their_own_user_client(self):
        driver = self.wait_for_driver()
        observer = self.opened()
        entries = self.entries()
        programs = [self.start_program() for _ in range(2)]
        counts = [CONNECTIONS // 2] * 2
        begin = time.monotonic()
        for program, count in zip(programs, counts):
            program.order(f"many-open {count} {SHARED_QUEUE}")
        for program, count in zip(programs, counts):
            self.assertEqual(program.result("many-open", 300), (0, str(count)))
        opened = time.monotonic() - begin
        print(f"{CONNECTIONS} opened in {opened:.2f} s; driver {Use(driver)}")
        self.assertEqual(observer.numbers("counts")[1], CONNECTIONS + 1, "started")
        numbers = [number for program in programs for number in program.numbers("many-call", 300)]
        self.assertEqual(len(numbers), CONNECTIONS)
        self.assertEqual(len(set(numbers)), CONNECTIONS, "each was answered by a user client of its own")
        # One closes its connections, the other dies with them.
        programs[0].tell("many-close", 300)
        self.wait_for_counts(observer, 1 + counts[1], "the closed ones to be freed")
        programs[1].kill()
        self.wait_for_counts(observer, 1, "all the others to be freed")
        self.wait_for(lambda: self.entries() == entries, "the registry to be as before")
        self.wait_for(lambda: Use(driver).files < 32 and Use(driver).threads < 32, f"the driver to let all go: {Use(driver)}")
        self.assertEqual(self.wait_for_driver(), driver)
        observer.tell("add")

    def test_who_has_no_descriptors_left_is_refused_and_keeps_what_it_has(self):
        program = self.start_program()
        program.tell("limit-files 40")
        code, reason = program.ask("many-open 100 1")
        self.assertEqual(code, NO_RESOURCES, reason)
        self.assertIn("RLIMIT_NOFILE", reason)
        self.assertGreater(len(program.numbers("many-call")), 10, "what is open goes on")
        observer = self.opened()
        opened = len(program.numbers("many-call"))
        self.wait_for_counts(observer, 1 + opened, "the user clients of the refused ones to be freed")
        program.tell("many-close")
        program.tell("open 0")
        program.tell("add")

    @unittest.skipUnless(strain_realm.LONG, "opens 3,000 connections")
    def test_a_driver_has_room_for_so_many(self):
        driver, observer, program = self.wait_for_driver(), self.opened(), self.start_program()
        code, reason = program.ask("many-open 4200 1", 600)
        self.assertEqual(code, NO_RESOURCES, reason)
        self.assertIn("no room", reason)
        self.assertGreater(len(program.numbers("many-call", 300)), 2900)
        print(Use(driver))
        observer.tell("add")
        program.kill()
        self.wait_for_counts(observer, 1, "all to be freed")
        self.assertEqual(self.wait_for_driver(), driver)

    def test_opening_and_closing_again_and_again_leaves_nothing(self):
        driver = self.wait_for_driver()
        observer, program = self.opened(), self.start_program()
        parties = self.parties(driver, program)
        entries = self.entries()
        # Caches of allocators, of threads and of what departed fill first.
        program.tell(f"cycles {max(CYCLES // 8, 1500)} {OWN_QUEUE}", 3600)
        samples, times = [], []
        for _ in range(5):
            times.append(float(program.tell(f"cycles {CYCLES // 5} {OWN_QUEUE}", 3600)))
            self.wait_for_counts(observer, 1, "all to be freed")
            samples.append({name: Use(pid) for name, pid in parties.items()})
        print(f"{min(times):.0f} to {max(times):.0f} us for each look-up, open, call and close")
        for name in parties:
            line = [sample[name] for sample in samples]
            print(f"{name}: {line[0]} ... {line[-1]}")
            grown = min(line[-1].rss, line[-2].rss) - line[0].rss
            self.assertLess(grown, 768 + CYCLES // 100, f"resident KiB of {name}: {[use.rss for use in line]}")
            self.assertLessEqual(line[-1].files, line[0].files + 4, f"descriptors of {name}")
            self.assertLessEqual(line[-1].threads, line[0].threads + 4, f"threads of {name}")
            self.assertLessEqual(line[-1].maps, line[0].maps + 64, f"mappings of {name}")
        self.assertEqual(self.entries(), entries, "entries of the registry")

    def test_a_driver_for_one_program_is_opened_again_as_soon_as_it_was_closed(self):
        driver = self.wait_for_driver()
        programs = [self.start_program(), self.start_program()]
        took = float(programs[0].tell(f"cycles {ALONE_CYCLES} {ALONE}", 600))
        print(f"{took:.0f} us for each look-up, open, call and close of a driver for one program")
        programs[0].tell(f"open {ALONE}")
        code, reason = programs[1].ask(f"open {ALONE}")
        self.assertEqual(code, EXCLUSIVE_ACCESS, "while another one has it")
        self.assertIn("NewUserClient of strain (StrainService) returned kIOReturnExclusiveAccess", reason)
        for _ in range(20):  # handed over from one to the other
            programs[0].tell("close")
            programs[1].tell(f"open {ALONE}")
            programs.reverse()
        programs[0].kill()
        programs[0].end()
        self.wait_for(lambda: programs[1].ask(f"open {ALONE}")[0] == SUCCESS, "the end of the first program to be noticed")
        self.assertEqual(self.wait_for_driver(), driver)

    def test_the_user_client_lives_in_the_drivers_process_with_the_driver_as_provider(self):
        driver = self.wait_for_driver()
        program = self.opened()
        _, own, provider, service, same = program.numbers("who")
        self.assertEqual((provider, same), (service, 1), "the provider is the driver object itself, not something that stands for it")
        self.assertNotIn(own, (0, service))
        service = self.services("strain")[0]
        clients = [child for child in service["children"] if "IOUserUserClient" in child["classes"] or child["class"] == "IOUserUserClient"]
        self.assertEqual([client["pid"] for client in clients], [driver])
        self.assertIn(f"pid {program.pid}, program", clients[0]["properties"]["IOUserClientCreator"])
        program.tell("close")
        self.wait_for(lambda: not self.services("strain")[0].get("children"), "the user client to leave the registry")

    def test_all_shared_memory_is_sealed(self):
        driver = self.wait_for_driver()
        program = self.opened()
        for order in ("echo 100000", "read 10000", "map 0 0", "map 1 0", "map 2 0"):
            program.tell(order)
        # Something is under way, so that the memory of a call is among what is looked at.
        observer = self.opened()
        observer.tell(f"reach {IN_CALL}")
        program.order("& echo 300000")
        self.wait_for_line(f"strain: held at {IN_CALL}")
        found = 0
        for name, pid in self.parties(driver, program, observer).items():
            for path in self.memory_files(pid):
                if name in ("keeper", "opendextd") and "opendext-ledger" in os.readlink(path):
                    continue  # what opendextd tells its successor; it grows, and nobody else has it
                found += 1
                try:
                    with open(path, "rb", buffering=0) as file:
                        seals = fcntl.fcntl(file.fileno(), F_GET_SEALS)
                except PermissionError:  # what is mapped is for root to look at
                    continue
                self.assertEqual(seals & ALL_SEALS, ALL_SEALS, f"{os.readlink(path)} of {name}")
        self.assertGreaterEqual(found, 6, "channels, memory of a call, of the program and of the driver, on both sides")
        observer.tell(f"reach {NOWHERE}")
        self.assertEqual(program.result("echo"), (0, "same"))

    @staticmethod
    def memory_files(pid):
        """Paths that open each memory file which the process holds or has mapped: memfds, that is."""
        paths = []
        for kind in ("fd", "map_files"):
            folder = f"/proc/{pid}/{kind}"
            try:
                names = os.listdir(folder)
            except PermissionError:  # map_files is for root, or who has CAP_CHECKPOINT_RESTORE
                continue
            for name in names:
                path = os.path.join(folder, name)
                try:
                    target = os.readlink(path)
                except OSError:
                    continue
                if target.startswith("/memfd:"):
                    paths.append(path)
        return paths

    def test_a_stopped_program_holds_up_neither_the_driver_nor_others(self):
        program, other = self.opened(), self.opened()
        program.kill(signal.SIGSTOP)
        for _ in range(20):
            other.tell("add")
        self.assertEqual(other.tell("echo 100000"), "same")
        opened = self.opened()
        opened.tell("add")
        program.kill(signal.SIGCONT)
        program.tell("add")


if __name__ == "__main__":
    harness.main()
