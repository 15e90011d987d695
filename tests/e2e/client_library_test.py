# SPDX-License-Identifier: Apache-2.0
"""A client program with a run loop watches drivers come and go, through their death and that of opendextd."""

import os
import signal
import subprocess
import threading

import harness
import sources

WATCHER = r"""
#include <CoreFoundation/CoreFoundation.h>
#include <IOKit/IOKitLib.h>
#include <opendext/client.h>
#include <stdio.h>

static IONotificationPortRef port;
static const char * watched;

static void interest(void * refcon, io_service_t service, uint32_t type, void * argument)
{
    (void)refcon; (void)service;
    if (type != kIOMessageServiceIsTerminated) return;
    printf("interest: %s\n", (uintptr_t)argument == OPENDEXT_END_DRIVER_DIED ? "its driver died" :
                             (uintptr_t)argument == OPENDEXT_END_TERMINATED ? "terminated" : "?");
}

static void note(void * refcon, io_iterator_t iterator)
{
    io_service_t service;
    while ((service = IOIteratorNext(iterator)) != IO_OBJECT_NULL) {
        io_name_t name = "?";
        kern_return_t ret = IORegistryEntryGetName(service, name);
        printf("%s: %s 0x%x\n", (const char *)refcon, name, ret);
        if (((const char *)refcon)[0] == 'p') {
            io_object_t notification;
            ret = IOServiceAddInterestNotification(port, service, kIOGeneralInterest, interest, NULL, &notification);
            if (ret != KERN_SUCCESS) printf("interest 0x%x: %s\n", ret, opendext_last_error_reason());
        }
        IOObjectRelease(service);
    }
}

static void watch(const char * type, const char * word)
{
    io_iterator_t iterator;
    kern_return_t ret = IOServiceAddMatchingNotification(port, type, IOServiceMatching(watched), note, (void *)word, &iterator);
    if (ret != KERN_SUCCESS) printf("watch 0x%x: %s\n", ret, opendext_last_error_reason());
    note((void *)word, iterator);
}

int main(int argc, char ** argv)
{
    if (argc != 2) return 2;
    watched = argv[1];
    setvbuf(stdout, NULL, _IOLBF, 0);
    port = IONotificationPortCreate(kIOMainPortDefault);
    CFRunLoopAddSource(CFRunLoopGetCurrent(), IONotificationPortGetRunLoopSource(port), kCFRunLoopDefaultMode);
    watch(kIOPublishNotification, "published");
    watch(kIOTerminatedNotification, "terminated");
    printf("watching\n");
    CFRunLoopRun();
    return 1;
}
"""


class Watcher:
    """The program above, its lines collected as they come."""

    def __init__(self, case, class_name):
        source = os.path.join(case.folder, "watcher.c")
        program = os.path.join(case.folder, "watcher")
        with open(source, "w", encoding="utf-8") as file:
            file.write(WATCHER)
        library = os.path.join(harness.PREFIX, "lib")
        subprocess.run(["clang-19", "-std=gnu17", "-Wall", "-Wextra", "-Werror", "-isystem", sources.client_headers(), source,
                        "-o", program, "-L" + library, "-l:libIOKit.so.0", "-Wl,-rpath," + library], check=True)
        self.case = case
        self.lines = []
        self.process = subprocess.Popen([program, class_name], env=case.realm.environment(), text=True, stdout=subprocess.PIPE)
        self.thread = threading.Thread(target=self.collect, daemon=True)
        self.thread.start()

    def collect(self):
        for line in self.process.stdout:
            self.lines.append(line.strip())

    def expect(self, *lines):
        """Waits until there are as many lines as these, compares them without regard to their order, and forgets them."""
        self.case.wait_for(lambda: len(self.lines) >= len(lines), f"{lines}, and not only {self.lines}")
        self.case.assertEqual(sorted(self.lines), sorted(lines))
        del self.lines[:]

    def end(self):
        self.process.send_signal(signal.SIGKILL)
        self.process.wait()
        self.thread.join()
        self.process.stdout.close()


class ClientLibrary(harness.RealmCase):
    realm_settings = harness.KILLED_OFTEN

    def test_notifications_come_once_each_through_every_death(self):
        prefix = sources.random_prefix()
        bundle_id = "org.example." + prefix.lower()
        output = os.path.join(self.folder, "out")
        self.tool("opendext", "build", sources.write_dext(self.folder, prefix), "-o", output, "--bundle-id", bundle_id, "--quiet",
                  timeout=300)
        bundle = os.path.join(output, prefix + ".dext")
        self.tool("opendext", "start")
        watcher = Watcher(self, prefix + "Reader")
        self.addCleanup(watcher.end)
        watcher.expect("watching")

        published = f"published: {prefix}Reader 0x0"
        terminated = f"terminated: {prefix}Reader 0x0"
        self.tool("opendext", "install", bundle)
        watcher.expect(published)

        for _ in range(5):
            reader = self.services(prefix + "Reader")
            os.kill(reader[0]["pid"], signal.SIGKILL)
            watcher.expect(terminated, "interest: its driver died", published)

        self.tool("opendext", "uninstall", bundle_id)
        watcher.expect(terminated, "interest: terminated")

        status = self.realm.run("opendext", "status", "--json")
        daemon = harness.json.loads(status.stdout)["daemon_pid"]
        os.kill(daemon, signal.SIGKILL)
        self.wait_for(lambda: self.realm.run("opendext", "status").returncode == 0, "opendextd to come back")
        self.tool("opendext", "install", bundle)
        watcher.expect(published)

    def test_without_a_realm_nothing_is_found_and_nothing_started(self):
        client = sources.build_client(self.folder)
        result = subprocess.run([client, "Nothing", "0"], env=self.realm.environment(), text=True, capture_output=True, timeout=60,
                                check=False)
        self.assertEqual((result.returncode, result.stdout), (3, "no service\n"))
        self.assertIsNone(self.realm.keeper_pid())


if __name__ == "__main__":
    harness.main()
