# SPDX-License-Identifier: Apache-2.0
"""The realm's own processes: opendextd, the prepared process, and what they say to the keeper. Nobody but the drivers that
are just being started may notice. Has no drivers of its own."""

import signal
import time

import world as w
from scenario import SURVIVED, Kind, Outcome, Scenario as Base


class Scenario(Base):
    share = 0.1

    def kinds(self):
        return [
            Kind("opendextd stopped and continued", 1, self.daemon_stopped),
            Kind("prepared process killed", 1, self.prepared_killed),
            Kind("prepared process stopped and killed", 0.5, self.prepared_stopped),
            Kind("garbage from prepared process to keeper", 1, self.prepared_lies),
            Kind("opendextd killed", 2, lambda random: self.daemon_ends(random, signal.SIGKILL), late=True),
            Kind("opendextd crashed", 1, lambda random: self.daemon_ends(random, signal.SIGSEGV), late=True),
            Kind("garbage from opendextd to keeper", 1, self.daemon_lies, late=True),
        ]

    def daemon_stopped(self, random):
        """Nobody sees an error, and bytes and calls go on meanwhile."""
        daemon = self.world.daemon()
        w.kill(daemon, signal.SIGSTOP)
        time.sleep(0.05 * random.random())
        self.world.check_bystanders()
        w.kill(daemon, signal.SIGCONT)
        return Outcome(SURVIVED)

    def prepared_killed(self, random):
        return self.replaced(self.world.prepared(), lambda pid: w.kill(pid))

    def prepared_stopped(self, random):
        def hurt(pid):
            w.kill(pid, signal.SIGSTOP)
            time.sleep(0.02 * random.random())
            self.world.check_bystanders()
            w.kill(pid)
        return self.replaced(self.world.prepared(), hurt)

    def replaced(self, pid, hurt):
        """The next driver waits for the next prepared process."""
        hurt(pid)
        return self.world.drivers_come_back()

    def prepared_lies(self, random):
        """What makes no sense is no answer to anything; the keeper may start it again."""
        w.lie(self.world.prepared(), 3, [w.garbage(random, range(40)) for _ in range(random.randrange(1, 6))], random)
        return self.world.drivers_come_back()

    def daemon_ends(self, random, number):
        del random
        return self.daemon_replaced(lambda pid: w.kill(pid, number))

    def daemon_lies(self, random):
        """Two messages are left out, since it is for opendextd to say: that the realm ends, that all drivers do."""
        meant = (14, 19)
        kinds = [kind for kind in range(40) if kind not in meant]
        texts = [w.garbage(random, kinds) for _ in range(random.randrange(1, 12))]
        texts = [text for text in texts if int.from_bytes(text[4:8], "little") not in meant]
        return self.daemon_replaced(lambda pid: w.lie(pid, 3, texts, random))

    def daemon_replaced(self, hurt):
        self.world.daemon_may_end()
        hurt(self.world.daemon())
        self.world.check_bystanders()
        return self.world.drivers_come_back()
