# SPDX-License-Identifier: Apache-2.0
"""The package: types, generated tables, what pip installs, that everything public is documented."""

import importlib.util
import inspect
import os
import shutil
import subprocess
import sys
import tempfile
import unittest
import zipfile

import harness
import suite  # noqa: F401 - finds the module

import opendext

HERE = os.path.join(harness.SOURCE, "python")


def run(*command, folder=None, **environment):
    return subprocess.run(command, text=True, cwd=folder, capture_output=True, check=False, env=dict(os.environ, **environment))


class Package(unittest.TestCase):
    def setUp(self):
        self.folder = tempfile.mkdtemp(prefix="opendext-package-")
        self.addCleanup(shutil.rmtree, self.folder, ignore_errors=True)

    @unittest.skipUnless(shutil.which("mypy"), "mypy is not installed: types are not checked")
    def test_types_are_complete(self):
        result = run("mypy", "--strict", "--cache-dir", os.path.join(self.folder, "cache"), os.path.join(HERE, "opendext"))
        self.assertEqual(result.returncode, 0, result.stdout + result.stderr)
        # And of use to who imports the module.
        program = os.path.join(self.folder, "program.py")
        with open(program, "w", encoding="utf-8") as file:
            file.write("import opendext\n"
                       "def first(name: str) -> int:\n"
                       "    service = opendext.service(name)\n"
                       "    assert service is not None\n"
                       "    with service.open() as connection:\n"
                       "        return connection.call(0, [1], scalars_out=1).scalars[0]\n"
                       "wrong: str = first('x')\n")
        result = run("mypy", "--strict", "--cache-dir", os.path.join(self.folder, "cache"), program, MYPYPATH=HERE)
        self.assertIn("program.py:7: error: Incompatible types in assignment", result.stdout)
        self.assertIn("Found 1 error", result.stdout)

    def test_tables_are_those_of_the_facts(self):
        script = os.path.join(harness.SOURCE, "scripts", "return_codes.py")
        for form, path in (("python", "python/opendext/returns.py"), ("library", "rpc/log_format/return_names.inc")):
            result = run(sys.executable, "-B", script, form, os.path.join(harness.SOURCE, path), "--check")
            self.assertEqual(result.returncode, 0, result.stderr)

    def wheel(self):
        spec = importlib.util.spec_from_file_location("build_backend", os.path.join(HERE, "build_backend.py"))
        backend = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(backend)
        return os.path.join(self.folder, backend.build_wheel(self.folder))

    def test_a_wheel_has_every_module(self):
        with zipfile.ZipFile(self.wheel()) as archive:
            names = archive.namelist()
            self.assertEqual(sorted(name for name in names if name.startswith("opendext/")),
                             sorted("opendext/" + name for name in os.listdir(os.path.join(HERE, "opendext")) if name != "__pycache__"))
            self.assertIn("Name: opendext\n", archive.read("opendext-0.1.0.dist-info/METADATA").decode())
            archive.extractall(os.path.join(self.folder, "unpacked"))
        result = run(sys.executable, "-B", "-c", "import opendext; print(opendext.__version__, opendext.__file__)",
                     folder=self.folder, PYTHONPATH=os.path.join(self.folder, "unpacked"), OPENDEXT_PREFIX=harness.PREFIX)
        self.assertEqual(result.returncode, 0, result.stderr)
        self.assertIn("0.1.0 " + self.folder, result.stdout)

    @unittest.skipUnless(importlib.util.find_spec("pip"), "pip is not installed")
    def test_pip_installs_without_a_network(self):
        source = os.path.join(self.folder, "source")
        shutil.copytree(HERE, source, ignore=shutil.ignore_patterns("__pycache__"))
        target = os.path.join(self.folder, "target")
        result = run(sys.executable, "-m", "pip", "install", "--quiet", "--no-index", "--no-cache-dir", "--target", target, source)
        self.assertEqual(result.returncode, 0, result.stdout + result.stderr)
        self.assertTrue(os.path.exists(os.path.join(target, "opendext", "py.typed")))

    def test_versions_agree(self):
        with open(os.path.join(HERE, "pyproject.toml"), encoding="utf-8") as file:
            self.assertIn(f'version = "{opendext.__version__}"', file.read())
        with open(os.path.join(harness.SOURCE, "CMakeLists.txt"), encoding="utf-8") as file:
            self.assertIn(f"VERSION {opendext.__version__} ", file.read())

    def test_what_is_public_is_documented(self):
        missing = []
        for name in opendext.__all__:
            value = getattr(opendext, name)
            if not (inspect.isclass(value) or inspect.isfunction(value) or inspect.ismodule(value)):
                continue
            if not value.__doc__:
                missing.append(name)
            if inspect.isclass(value) and not issubclass(value, (BaseException, tuple)):
                missing += [f"{name}.{member}" for member, function in vars(value).items()
                            if inspect.isfunction(function) and not member.startswith("_") and not function.__doc__]
        self.assertEqual(missing, [])


if __name__ == "__main__":
    suite.main()
