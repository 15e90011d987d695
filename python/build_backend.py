# SPDX-License-Identifier: Apache-2.0
"""Makes a wheel of the module, as pip asks for it (PEP 517, PEP 660): the module is pure Python, so a wheel is a zip file of
it with three files of metadata. Nothing has to be downloaded."""

import base64
import csv
import hashlib
import io
import pathlib
import tomllib
import zipfile

HERE = pathlib.Path(__file__).resolve().parent
# Archives made twice are equal.
TIME = (1980, 1, 1, 0, 0, 0)


def _project():
    with open(HERE / "pyproject.toml", "rb") as file:
        return tomllib.load(file)["project"]


def _metadata(project):
    lines = ["Metadata-Version: 2.1", f"Name: {project['name']}", f"Version: {project['version']}",
             f"Summary: {project['description']}", f"License: {project['license']['text']}",
             f"Requires-Python: {project['requires-python']}"]
    lines += [f"Classifier: {each}" for each in project["classifiers"]]
    readme = (HERE / project["readme"]).read_text(encoding="utf-8")
    return "\n".join([*lines, "Description-Content-Type: text/markdown", "", readme])


def _wheel(folder, files):
    """Writes the wheel with these (name, bytes) and gives its file name."""
    project = _project()
    stem = f"{project['name']}-{project['version']}"
    information = f"{stem}.dist-info"
    files = [*files, (f"{information}/METADATA", _metadata(project).encode()),
             (f"{information}/WHEEL", b"Wheel-Version: 1.0\nGenerator: opendext\nRoot-Is-Purelib: true\nTag: py3-none-any\n")]
    record = io.StringIO()
    writer = csv.writer(record, lineterminator="\n")
    for name, content in files:
        digest = base64.urlsafe_b64encode(hashlib.sha256(content).digest()).rstrip(b"=").decode()
        writer.writerow([name, f"sha256={digest}", len(content)])
    writer.writerow([f"{information}/RECORD", "", ""])
    name = f"{stem}-py3-none-any.whl"
    with zipfile.ZipFile(pathlib.Path(folder) / name, "w", zipfile.ZIP_DEFLATED) as archive:
        for path, content in [*files, (f"{information}/RECORD", record.getvalue().encode())]:
            entry = zipfile.ZipInfo(path, TIME)
            entry.external_attr = 0o644 << 16
            entry.compress_type = zipfile.ZIP_DEFLATED
            archive.writestr(entry, content)
    return name


def build_wheel(wheel_directory, config_settings=None, metadata_directory=None):
    modules = sorted([*(HERE / "opendext").glob("*.py"), HERE / "opendext" / "py.typed"])
    return _wheel(wheel_directory, [(f"opendext/{path.name}", path.read_bytes()) for path in modules])


def build_editable(wheel_directory, config_settings=None, metadata_directory=None):
    return _wheel(wheel_directory, [("opendext-editable.pth", f"{HERE}\n".encode())])


def build_sdist(sdist_directory, config_settings=None):
    raise NotImplementedError("OpenDext is published as a whole, not as a source archive of the module")


def get_requires_for_build_wheel(config_settings=None):
    return []


get_requires_for_build_editable = get_requires_for_build_wheel
