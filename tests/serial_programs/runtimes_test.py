# SPDX-License-Identifier: Apache-2.0
"""Libraries and managed runtimes through their serial classes: small programs of ours, built as their users build theirs."""

import glob
import os
import shutil

import harness
import programs
from matrix import YES, no, partly, shows
from program_case import ProgramCase

PROGRAMS = [
    ("Mono, System.IO.Ports", "6.8.0", "`SerialPort` of .NET: `ports.cs`"),
    ("Java, jSSC", "2.8.0", "`jssc.SerialPort`: `Ports.java`"),
    ("Node, serialport", "12.0.0", "the package `serialport` of npm: `ports.js`"),
    ("libserialport", "0.1.1", "`sp_open` and its timing functions, as sigrok uses it: `sigrok.c`"),
]
HERE = os.path.dirname(os.path.abspath(__file__))


def results_of(case, command, environment=None):
    """{name: result} of the lines that the program wrote."""
    done = case.run_program(command, environment, timeout=120, text=True)
    case.assertEqual(done.returncode, 0, done.stdout + done.stderr)
    return dict(line.split(": ", 1) for line in done.stdout.splitlines())


def mono():
    """(command that runs a .NET program, the compiler's command, their environment); Debian's packages, unpacked."""
    if shutil.which("mono") and shutil.which("mcs"):
        return ["mono"], ["mcs"], dict(os.environ)
    root = programs.unpacked("mono")
    library = os.path.join(root, "usr", "lib")
    config = os.path.join(root, "mono.config")
    with open(os.path.join(root, "etc", "mono", "config"), encoding="utf-8") as file:
        text = file.read().replace('"/usr/lib', f'"{library}').replace("$mono_libdir", library)
    with open(config, "w", encoding="utf-8") as file:
        file.write(text)
    framework = os.path.join(library, "mono", "4.5")
    environment = dict(os.environ, LD_LIBRARY_PATH=programs.libraries(root), MONO_PATH=framework)
    command = [os.path.join(root, "usr", "bin", "mono-sgen"), "--config", config]
    return command, [*command, os.path.join(framework, "mcs.exe")], environment


def mono_ports(case):
    """Compiles ports.cs; gives the command without the device, and its environment."""
    command, compiler, environment = mono()
    program = os.path.join(case.folder, "ports.exe")
    built = case.run_program([*compiler, "-out:" + program, os.path.join(HERE, "ports.cs")], environment, timeout=120, text=True)
    case.assertEqual(built.returncode, 0, built.stdout + built.stderr)
    return [*command, program], environment


def java_ports(case):
    """Compiles Ports.java; gives the whole command."""
    for tool in ("java", "javac"):
        if shutil.which(tool) is None:
            raise programs.Unobtainable(f"{tool} is not installed, and too large to be unpacked for a test")
    root = programs.unpacked("jssc")
    jar = glob.glob(os.path.join(root, "usr", "share", "java", "jssc-*.jar"))[0]
    library = glob.glob(os.path.join(root, "usr", "lib", "jni", "libjSSC-*.so"))[0]
    built = case.run_program(["javac", "-cp", jar, "-d", case.folder, os.path.join(HERE, "Ports.java")], timeout=120, text=True)
    case.assertEqual(built.returncode, 0, built.stdout + built.stderr)
    return ["java", "-Xint", "-cp", f"{jar}:{case.folder}", "Ports", case.device, library]


def node_ports(case):
    """The whole command, and what its environment has besides."""
    modules = programs.node_package("serialport@12.0.0")
    return ["node", os.path.join(HERE, "ports.js"), case.device], {"NODE_PATH": modules}


class Runtimes(ProgramCase):
    @shows("Node, serialport", "open", YES)
    @shows("Node, serialport", "bytes", YES)
    @shows("Node, serialport", "speed", YES)
    @shows("Node, serialport", "any speed", no("asks the kernel for a speed of 4294967295, whatever it was given"))
    @shows("Node, serialport", "stop bits", YES)
    @shows("Node, serialport", "7E1", no("opens, and stays 8N1"))
    @shows("Node, serialport", "modem lines", no("`set` and `get` end with ENOTTY"))
    @shows("Node, serialport", "break", no("`set` ends with ENOTTY"))
    @shows("Node, serialport", "flush", YES)
    @shows("Node, serialport", "drain", partly("returns when the bytes are in the pseudo-terminal"))
    @shows("Node, serialport", "list", no("real devices only, and only where udev is"))
    def test_node(self):
        command, environment = node_ports(self)
        results = results_of(self, command, dict(os.environ, **environment))
        refused = "Error: Inappropriate ioctl for device"
        self.assertEqual({name: result for name, result in results.items() if name != "list"},
                         {"open": "true", "read": "hello there", "drain": "true", "any-speed": "true", "set": refused, "get": refused,
                          "break": refused, "flush": "true", "close": "true", "parity": "true"})
        self.assertNotEqual(results["list"], "true")
        self.expect_speed(57600)
        self.assertTrue(any(call.split()[3] == "4" for call in self.calls("uart")), "two stop bits")
        self.expect_speed(4294967295)
        self.assertEqual({call.split()[4] for call in self.calls("uart")}, {"1"}, "no parity")
        self.assertEqual(self.calls("break"), [])
        self.assertTrue(self.calls("fifo"))

    @shows("Mono, System.IO.Ports", "open",
           no("`Open` sets DTR and ends with an IOException: a pseudo-terminal has no DTR (ENOTTY). `opendext serial run` gives it one"))
    @shows("Mono, System.IO.Ports", "list", no("real devices only"))
    def test_mono(self):
        command, environment = mono_ports(self)
        results = results_of(self, [*command, self.device], environment)
        self.assertEqual(results["list"], "False")
        self.assertEqual(results["open"], "IOException, Inappropriate ioctl for device")

    @shows("Java, jSSC", "open", YES)
    @shows("Java, jSSC", "bytes", YES)
    @shows("Java, jSSC", "speed", partly("`setParams` sets them and says false, since it cannot set DTR and RTS"))
    @shows("Java, jSSC", "stop bits", partly("as the speed"))
    @shows("Java, jSSC", "flow", YES)
    @shows("Java, jSSC", "modem lines", no("`setDTR` says false"))
    @shows("Java, jSSC", "break", no("`sendBreak` says true; it is not passed on"))
    @shows("Java, jSSC", "flush", YES)
    @shows("Java, jSSC", "list", no("real devices only"))
    def test_java(self):
        results = results_of(self, java_ports(self))
        self.assertEqual(results, {"list": "false", "open": "true", "settings": "false", "write": "true", "read": "hello there",
                                   "dtr": "false", "cts": results["cts"], "break": "true", "flush": "true", "flow": "true",
                                   "event": "and again", "close": "true"})
        self.expect_speed(19200)
        self.assertTrue(any(call.split()[3] == "4" for call in self.calls("uart")), "two stop bits")
        self.assertTrue(any(call.startswith("flow 0x24") for call in self.calls("flow")))
        self.assertEqual(self.calls("break"), [])
        self.assertTrue(any(call.startswith("fifo 1") for call in self.calls("fifo")))

    @shows("libserialport", "open", no("it knows devices below `/sys/class/tty` only: `sp_get_port_by_name` fails"))
    @shows("libserialport", "list", no("real devices only"))
    def test_libserialport(self):
        root = programs.unpacked("libserialport")
        found = glob.glob(os.path.join(root, "usr", "lib", "*", "libserialport.so"))
        library = os.path.dirname(found[0])
        program = os.path.join(self.folder, "sigrok")
        built = self.run_program(["gcc", "-I" + os.path.join(root, "usr", "include"), os.path.join(HERE, "sigrok.c"), "-o", program,
                                  "-L" + library, "-lserialport"], text=True)
        self.assertEqual(built.returncode, 0, built.stderr)
        environment = dict(os.environ, LD_LIBRARY_PATH=library)
        results = results_of(self, [program, self.device], environment)
        self.assertEqual((results["list-call"], results["list"]), ("0", "0"))
        self.assertEqual(results["name"], "-1", "SP_ERR_ARG")


if __name__ == "__main__":
    harness.main()
