# SPDX-License-Identifier: Apache-2.0
"""Asynchronous calls: call-backs, iterators, coroutines."""

import asyncio
import gc
import os
import threading

import harness
import suite
from suite import K

import opendext

LATER, QUEUE, WITHIN = K["kSuiteLater"], K["kSuiteFromQueue"], K["kSuiteWithin"]


class Async(suite.DriverCase):
    def later(self, connection, count, words, status=0, place=QUEUE, **more):
        return connection.call_async(LATER, scalars=[count, words, status, place], **more)

    # Facts: IOConnectCallAsyncMethod
    def test_completions_are_iterated_over_to_the_end(self):
        connection = self.open()
        for words in (0, 1, 2, 3, 16):
            for place in (QUEUE, WITHIN):
                got = list(self.later(connection, 5, words, place=place))
                self.assertEqual([len(each.arguments) for each in got], [words] * 5)
                self.assertEqual([each.status for each in got], [0] * 5)
        call = self.later(connection, 2, 1, status=opendext.kIOReturnAborted)
        first = call.wait(60 * harness.PATIENCE)
        self.assertEqual(first.name, "kIOReturnAborted")
        with self.assertRaises(opendext.DriverError):
            first.check()
        self.assertEqual(len(list(call)), 1)
        self.assertTrue(call.ended)
        self.assertIsNone(call.wait(0))

    def test_callbacks_come_on_a_thread_or_a_port(self):
        connection = self.open()
        seen, done = [], threading.Event()

        def note(completion):
            seen.append((threading.current_thread(), completion))
            if len(seen) == 100:
                done.set()

        call = connection.call_async(LATER, note, [100, 4, 0, QUEUE])
        self.assertTrue(done.wait(60 * harness.PATIENCE))
        self.assertNotEqual(seen[0][0], threading.main_thread())
        harness.wait_for(lambda: call.ended, "the end")
        with opendext.NotificationPort() as port:
            here = []
            call = connection.call_async(LATER, here.append, [10, 0, 0, QUEUE], port=port)
            self.assertTrue(port.wait_until(lambda: call.ended, 60 * harness.PATIENCE))
            self.assertEqual(here, [opendext.Completion(0, ())] * 10)

            def broken(completion):
                raise LookupError("in the call-back")

            connection.call_async(LATER, broken, [3, 0, 0, QUEUE], port=port)
            problems = []
            while len(problems) < 3:
                try:
                    port.wait(60 * harness.PATIENCE)
                except LookupError as error:
                    problems.append(error)
                except ExceptionGroup as group:
                    problems += group.exceptions

    def test_coroutines_await_and_iterate(self):
        connection = self.open()

        async def run():
            first = await connection.call_async(LATER, scalars=[1, 2, 0, QUEUE])
            self.assertEqual(len(first.arguments), 2)
            got = [each async for each in connection.call_async(LATER, scalars=[50, 1, 0, QUEUE])]
            self.assertEqual(len(got), 50)
            # Many at once.
            results = await asyncio.gather(*(connection.call_async(LATER, scalars=[1, 3, 0, QUEUE]) for _ in range(64)))
            self.assertEqual([len(each.arguments) for each in results], [3] * 64)
            with self.assertRaises(opendext.DriverError):
                await connection.call_async(LATER, scalars=[1, 0, opendext.kIOReturnBusy, QUEUE])
            with self.assertRaises(TimeoutError):
                async with asyncio.timeout(0.05):
                    await connection.call_async(K["kSuiteKeep"])
            with self.assertRaises(opendext.Error) as dropped:
                call = connection.call_async(K["kSuiteKeep"])
                connection.call(K["kSuiteDrop"])
                await call
            self.assertEqual(dropped.exception.code, opendext.kIOReturnAborted)

        asyncio.run(run())
        asyncio.run(run())  # another loop

    def test_a_refused_call_completes_nothing(self):
        connection = self.open()
        from opendext import notifications
        before = len(notifications._contexts)
        with self.assertRaises(opendext.DriverError):
            connection.call_async(K["kSuiteFail"], scalars=[opendext.kIOReturnBusy])
        with self.assertRaises(opendext.DriverError):
            connection.call_async(K["kSuiteFailAsync"])
        self.assertEqual(len(notifications._contexts), before)

    def test_the_death_of_a_driver_ends_what_waits(self):
        connection = self.open()
        call = connection.call_async(K["kSuiteKeep"])
        os.kill(self.find().process, 9)
        with self.assertRaises(opendext.DriverDied):
            call.wait(60 * harness.PATIENCE)
        connection.close()
        connection = self.open()

        async def run():
            call = connection.call_async(K["kSuiteKeep"])
            os.kill(self.find().process, 9)
            async with asyncio.timeout(60 * harness.PATIENCE):
                await call

        with self.assertRaises(opendext.DriverDied):
            asyncio.run(run())

    def test_closing_ends_calls_without_an_error(self):
        connection = self.open()
        call = connection.call_async(K["kSuiteKeep"])
        connection.close()
        self.assertIsNone(call.wait(60 * harness.PATIENCE))
        connection = self.open()
        with connection.call_async(K["kSuiteKeep"]) as call:
            with self.assertRaises(TimeoutError):
                call.wait(0.05)
        self.assertIsNone(call.wait(0))

    def test_what_is_not_taken_is_bounded_and_told(self):
        connection = self.open()
        from opendext import asynchronous
        old, asynchronous.LIMIT = asynchronous.LIMIT, 10
        try:
            call = self.later(connection, 25, 1)
        finally:
            asynchronous.LIMIT = old
        harness.wait_for(lambda: call.port.wait(0.05) and False or call.ended, "all completions")
        self.assertEqual(len([call.wait(0) for _ in range(10)]), 10)
        with self.assertRaises(opendext.CompletionsLost) as lost:
            call.wait(0)
        self.assertEqual(lost.exception.count, 15)
        self.assertIsNone(call.wait(0))

    def test_forgotten_connections_take_their_threads_along(self):
        def use():
            connection, done = self.find().open(), threading.Event()
            call = connection.call_async(LATER, lambda completion: done.set(), [1, 0, 0, QUEUE])
            self.assertTrue(done.wait(60 * harness.PATIENCE))
            harness.wait_for(lambda: call.ended, "the end")

        use()
        gc.collect()
        harness.wait_for(lambda: threading.active_count() == 1, "the threads to end")
        descriptors = len(os.listdir("/proc/self/fd"))
        for _ in range(20):
            use()
        gc.collect()
        harness.wait_for(lambda: threading.active_count() == 1, "the threads to end")
        self.assertLessEqual(len(os.listdir("/proc/self/fd")), descriptors + 2)

    def test_calls_that_are_over_leave_nothing(self):
        connection = self.open()
        from opendext import notifications
        before = len(notifications._contexts)
        for _ in range(300):
            self.assertEqual(len(list(self.later(connection, 1, 0))), 1)
        gc.collect()
        self.assertLessEqual(len(notifications._contexts), before)


if __name__ == "__main__":
    suite.main()
