# SPDX-License-Identifier: Apache-2.0
"""User clients: calls in all forms, memory, data queues, errors."""

import array
import asyncio
import ctypes
import gc
import os
import queue
import sys
import threading
import time

import harness
import suite
from suite import K

import opendext

CYCLES = int(os.environ.get("OPENDEXT_TEST_CYCLES", "1500"))


def inverted(data):
    return bytes(~byte & 0xff for byte in data)


class Calls(suite.DriverCase):
    # Facts: IOServiceOpen, IOConnectCallMethod, IOServiceClose
    def test_scalars_and_structures_of_every_form(self):
        connection = self.open()
        self.assertEqual(connection.call(K["kSuiteEcho"], [1, 2**64 - 2, -1], scalars_out=3).scalars, (2, 2**64 - 1, 0))
        for data in (b"abc", bytearray(b"\x00\xff"), memoryview(b"xyz"), array.array("I", [1, 2, 3]), (ctypes.c_uint16 * 4)(1, 2),
                     bytes(range(256)) * 16, bytes(4097), bytes(100_000)):
            raw = bytes(memoryview(data).cast("B")) if not isinstance(data, ctypes.Array) else bytes(data)
            output = connection.call(K["kSuiteEcho"], structure=data, structure_out=len(raw))
            self.assertEqual(output.structure, inverted(raw), type(data))
            room = bytearray(len(raw))
            output = connection.call(K["kSuiteEcho"], structure=data, into=room)
            self.assertEqual((output.structure, output.structure_size, bytes(room)), (b"", len(raw), inverted(raw)))
        numbers = array.array("H", [0] * 4)
        connection.call(K["kSuiteEcho"], structure=b"\x00" * 8, into=numbers)
        self.assertEqual(list(numbers), [0xffff] * 4)
        self.assertEqual(connection.call(K["kSuiteEcho"]), opendext.Output((), b"", 0))
        self.assertEqual(connection.service, self.find())

    def test_wrong_arguments_are_refused_before_the_call(self):
        connection = self.open()
        with self.assertRaisesRegex(ValueError, "at most 16"):
            connection.call(0, range(17))
        with self.assertRaisesRegex(ValueError, "at most 16"):
            connection.call(0, scalars_out=17)
        with self.assertRaises(OverflowError):
            connection.call(0, [2**64])
        with self.assertRaises(TypeError):
            connection.call(0, ["x"])
        with self.assertRaises(TypeError):
            connection.call(0, structure="text")
        with self.assertRaises(BufferError):
            connection.call(0, into=b"read-only")
        with self.assertRaises(BufferError):
            connection.call(0, structure=memoryview(bytes(10))[::2])
        with self.assertRaises(ValueError):
            connection.call(0, structure_out=4, into=bytearray(4))
        with self.assertRaises(ValueError):
            connection.call(0, structure_out=-1)

    def test_a_drivers_error_is_told_from_its_death(self):
        connection = self.open()
        for code in (opendext.kIOReturnBusy, opendext.kIOReturnNotResponding, opendext.kIOReturnNotPermitted, 0x12345678):
            with self.assertRaises(opendext.DriverError) as caught:
                connection.call(K["kSuiteFail"], [code])
            self.assertEqual((caught.exception.code, caught.exception.origin), (code, opendext.Origin.DRIVER))
        self.assertEqual(caught.exception.name, "0x12345678")
        with self.assertRaises(opendext.DriverDied) as died:
            connection.call(K["kSuiteCrash"])
        self.assertEqual(died.exception.code, opendext.kIOReturnNotResponding)
        self.assertEqual(died.exception.origin, opendext.Origin.DRIVER_DIED)
        self.assertTrue(died.exception.reason)
        self.assertIn("kIOReturnNotResponding (0xe00002ed)", str(died.exception))
        with self.assertRaises(opendext.DriverDied):
            connection.call(K["kSuiteEcho"])
        connection.close()
        self.open().call(K["kSuiteEcho"])

    def test_refusals_to_open_carry_their_reason(self):
        main = self.find()
        with self.assertRaises(opendext.Error) as caught:
            main.open(K["kSuiteTypeExclusive"])
        self.assertEqual(caught.exception.name, "kIOReturnExclusiveAccess")
        with self.assertRaises(opendext.Error) as caught:
            opendext.root().open()
        self.assertTrue(caught.exception.reason)
        self.assertEqual(caught.exception.operation, "IOServiceOpen")

    def test_a_closed_connection_refuses_calls(self):
        with self.open() as connection:
            self.assertFalse(connection.closed)
        self.assertTrue(connection.closed)
        for use in (lambda: connection.call(0), lambda: connection.map(0), lambda: connection.call_async(0), lambda: connection.post(0),
                    lambda: connection.service, lambda: connection.calls()):
            with self.assertRaises(opendext.Closed):
                use()
        connection.close()

    def test_threads_call_at_once_and_the_interpreter_goes_on(self):
        connection = self.open()
        problems = []

        def work(number):
            try:
                for value in range(200):
                    if connection.call(K["kSuiteEcho"], [number * 1000 + value], scalars_out=1).scalars != (number * 1000 + value + 1,):
                        raise AssertionError("an answer of another call")
            except BaseException as error:
                problems.append(error)

        threads = [threading.Thread(target=work, args=(number,)) for number in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        self.assertEqual(problems, [])

    def test_a_close_ends_a_call_of_another_thread(self):
        connection = self.open()
        ended = queue.Queue()

        def hang():
            try:
                connection.call(K["kSuiteHang"])
            except opendext.Error as error:
                ended.put(error)

        thread = threading.Thread(target=hang, daemon=True)
        thread.start()
        time.sleep(0.2)  # the call is under way, most likely; either way it has to end
        connection.close()
        self.assertIsInstance(ended.get(timeout=60 * harness.PATIENCE), opendext.Error)
        thread.join()
        # The driver hangs: it is killed, and another one comes.
        old = self.find().process
        os.kill(old, 9)
        harness.wait_for(lambda: self.find().process != old, "the next driver")

    def test_opening_and_closing_leaves_nothing(self):
        """OPENDEXT_TEST_CYCLES=100000 makes it long."""
        service = self.find()
        for _ in range(50):
            service.open().close()
        gc.collect()
        descriptors, memory = len(os.listdir("/proc/self/fd")), self.resident()
        for _ in range(CYCLES):
            service.open().close()
        gc.collect()
        self.assertLessEqual(len(os.listdir("/proc/self/fd")), descriptors + 2)
        self.assertLess(self.resident() - memory, 8 << 20, "it grew")
        # Forgotten ones are closed too.
        for _ in range(50):
            service.open()
        gc.collect()
        self.assertLessEqual(len(os.listdir("/proc/self/fd")), descriptors + 2)
        self.assertEqual(service.open().call(K["kSuiteWho"], scalars_out=4).scalars[3], 1, "the driver has one user client")

    @staticmethod
    def resident():
        with open("/proc/self/statm", encoding="ascii") as file:
            return int(file.read().split()[1]) * os.sysconf("SC_PAGESIZE")

    # Facts: IOConnectMapMemory64, IOConnectUnmapMemory64
    def test_memory_is_shared_with_the_driver(self):
        connection = self.open()
        with connection.map(K["kSuiteMemory"]) as memory:
            self.assertEqual(memory.view.cast("I")[0], K["kSuiteMark"])
            self.assertEqual(len(memory), K["kSuiteMemorySize"])
            memory[8:12] = (4711).to_bytes(4, "little")
            self.assertEqual(connection.call(K["kSuitePeek"], [K["kSuiteMemory"], 8], scalars_out=1).scalars, (4711,))
            connection.call(K["kSuitePoke"], [K["kSuiteMemory"], 12, 0x01020304])
            self.assertEqual(memory[12:16], b"\x04\x03\x02\x01")
            self.assertEqual(memory[12], 4)
            self.assertFalse(memory.read_only)
        self.assertTrue(memory.closed)
        with self.assertRaises(opendext.Closed):
            memory.view
        with self.assertRaises(opendext.Error):
            connection.map(99)

    def test_read_only_memory_cannot_be_written(self):
        connection = self.open()
        for memory in (connection.map(K["kSuiteMemoryReadOnly"]), connection.map(K["kSuiteMemory"], read_only=True)):
            self.assertTrue(memory.read_only)
            self.assertTrue(memory.view.readonly)
            self.assertEqual(memory[0:3], K["kSuiteMark"].to_bytes(3, "little"))
            with self.assertRaises(TypeError):
                memory[0] = 1

    def test_memory_that_is_looked_at_stays(self):
        connection = self.open()
        memory = connection.map(K["kSuiteMemory"])
        part = memory.view[0:4].cast("I")
        with self.assertRaises(BufferError):
            memory.close()
        with self.assertRaises(BufferError):
            connection.close()
        self.assertEqual(part[0], K["kSuiteMark"])
        self.assertEqual(connection.call(K["kSuiteEcho"], [1], scalars_out=1).scalars, (2,), "nothing was closed")
        # Forgetting the objects does not take the memory from a view either.
        del memory, connection
        gc.collect()
        self.assertEqual(part[0], K["kSuiteMark"])

    def test_connection_closes_its_memory(self):
        connection = self.open()
        memory = connection.map(K["kSuiteMemory"])
        connection.close()
        self.assertTrue(memory.closed)
        self.assertIn("closed", repr(memory))

    # Facts: IODataQueueDequeue, IODataQueueEnqueue, IODataQueueWaitForAvailableData
    def test_data_queues_go_both_ways(self):
        connection = self.open()
        with connection.data_queue(K["kSuiteQueueIn"]) as into, connection.data_queue(K["kSuiteQueueOut"]) as out:
            self.assertTrue(out.empty)
            with self.assertRaises(queue.Empty):
                out.get_nowait()
            with self.assertRaises(queue.Empty):
                out.get(timeout=0.05)
            for number in range(500):
                data = bytes([number & 0xff]) * (1 + number % 97)
                into.put(data, timeout=60 * harness.PATIENCE)
                self.assertEqual(out.get(timeout=60 * harness.PATIENCE), inverted(data))
            large = os.urandom(6000)
            into.put(large, timeout=60 * harness.PATIENCE)
            self.assertEqual(out.get(timeout=60 * harness.PATIENCE), inverted(large))
            with self.assertRaises(queue.Full):
                for _ in range(100_000):
                    out.put_nowait(bytes(1000))

    def test_a_queue_in_a_coroutine(self):
        connection = self.open()

        async def run():
            with connection.data_queue(K["kSuiteQueueIn"]) as into, connection.data_queue(K["kSuiteQueueOut"]) as out:
                with self.assertRaises(TimeoutError):
                    async with asyncio.timeout(0.05):
                        await out.next()
                for number in range(50):
                    into.put(bytes([number]), timeout=60 * harness.PATIENCE)
                got = []
                async for entry in out:
                    got.append(entry)
                    if len(got) == 50:
                        break
                self.assertEqual(got, [inverted(bytes([number])) for number in range(50)])

        asyncio.run(run())

    def test_closing_a_queue_ends_a_wait(self):
        connection = self.open()
        data = connection.data_queue(K["kSuiteQueueOut"])
        seen = []
        thread = threading.Thread(target=lambda: seen.extend(data))
        thread.start()
        harness.wait_for(lambda: data._waiters, "the thread to wait")
        data.close()
        thread.join(60 * harness.PATIENCE)
        self.assertFalse(thread.is_alive())
        self.assertEqual(seen, [])

    def test_closing_a_queue_at_any_moment_of_a_wait(self):
        connection = self.open()
        interval = sys.getswitchinterval()
        self.addCleanup(sys.setswitchinterval, interval)
        sys.setswitchinterval(1e-6)  # the other thread may come in anywhere
        for _ in range(200):
            data = connection.data_queue(K["kSuiteQueueOut"])
            seen = []
            thread = threading.Thread(target=lambda: seen.extend(data))
            thread.start()
            data.close()
            thread.join(60 * harness.PATIENCE)
            self.assertFalse(thread.is_alive())
            self.assertEqual(seen, [])
            self.assertEqual(data._waiters, set())
            self.assertTrue(data.memory.closed)

    def test_a_queue_ends_with_its_driver(self):
        connection = self.open()
        data = connection.data_queue(K["kSuiteQueueOut"])
        ended = queue.Queue()

        def take():
            try:
                data.get()
            except opendext.DriverDied as error:
                ended.put(error)

        threading.Thread(target=take, daemon=True).start()
        harness.wait_for(lambda: data._waiters, "the thread to wait")
        os.kill(self.find().process, 9)
        self.assertIsInstance(ended.get(timeout=60 * harness.PATIENCE), opendext.DriverDied)
        self.assertEqual(list(data), [], "iterating over it ends")

    def test_output_of_a_size_that_the_driver_chooses(self):
        connection = self.open()
        self.assertEqual(connection.call_data(K["kSuiteEcho"], structure=b"\x01\x02"), b"\xfe\xfd")
        self.assertEqual(connection.call_data(K["kSuiteEcho"]), b"")
        self.assertEqual(len(connection.call_data(K["kSuiteLarge"], [100_000])), 100_000)


class InFlight(suite.DriverCase):
    def test_many_calls_in_flight(self):
        connection = self.open()
        with connection.calls(32) as calls:
            expected = {}
            for number in range(32):
                calls.add(K["kSuiteEcho"], [number], bytes([number]), scalars_out=1, structure_out=1, user=f"call {number}")
                expected[f"call {number}"] = (number + 1, inverted(bytes([number])))
            self.assertEqual(calls.submit(), 32)
            self.assertEqual(calls.pending, 32)
            got = {}
            while calls.pending:
                for done in calls.wait(timeout=60 * harness.PATIENCE):
                    output = done.output()
                    got[done.user] = (output.scalars[0], output.structure)
            self.assertEqual(got, expected)
            calls.add(K["kSuiteFail"], [opendext.kIOReturnBusy])
            calls.submit()
            done = calls.wait()[0]
            self.assertEqual(done.error.code, opendext.kIOReturnBusy)
            with self.assertRaises(opendext.DriverError):
                done.output()
            for _ in range(33):
                calls.add(K["kSuiteEcho"])
            with self.assertRaises(opendext.Error) as full:
                calls.submit()
            self.assertEqual(full.exception.code, opendext.kIOReturnNoSpace)
            self.assertEqual(len(calls.wait(32)), 32)
            self.assertEqual(calls.submit(), 1, "what was not sent stayed in the row")
            calls.wait()
        with self.assertRaises(opendext.Closed):
            calls.wait()

    def test_calls_in_flight_end_with_the_driver(self):
        connection = self.open()
        with connection.calls(4) as calls:
            calls.add(K["kSuiteHang"])
            calls.submit()
            with self.assertRaises(opendext.TimedOut):
                calls.wait(timeout=0.05)
            os.kill(self.find().process, 9)
            done = calls.wait(timeout=60 * harness.PATIENCE)
            self.assertIsInstance(done[0].error, opendext.DriverDied)

    def test_a_drivers_end_in_order_is_told_from_its_death(self):
        connection, messages = self.open(), []
        with opendext.NotificationPort() as port:
            port.interest(self.find(), lambda service, message: messages.append(message))
            self.run_tool("opendext", "uninstall", suite.BUNDLE)
            self.addCleanup(self.run_tool, "opendext", "install", self.dext)
            with self.assertRaises(opendext.Terminated) as ended:
                connection.call(K["kSuiteEcho"])
            self.assertEqual(ended.exception.code, opendext.kIOReturnNotResponding)
            self.assertEqual(ended.exception.origin, opendext.Origin.TERMINATED)
            self.assertIsInstance(connection.death(), opendext.Terminated)
            self.assertTrue(port.wait_until(
                lambda: any(each.type == opendext.kIOMessageServiceIsTerminated for each in messages), 60 * harness.PATIENCE))
            self.assertFalse([each for each in messages if each.driver_died], "the notification says the same")

    def test_one_way_calls_arrive_in_order(self):
        connection = self.open()
        for number in range(300):
            connection.post(K["kSuiteCount"], [number])
        self.assertEqual(connection.call(K["kSuiteCount"], [300], scalars_out=2).scalars, (301, 300))


if __name__ == "__main__":
    suite.main()
