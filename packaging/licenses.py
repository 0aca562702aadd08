"""In a root that froze the program: the licence of each part that PyInstaller took.

    python3 licenses.py TABLES FOLDER

TABLES is the folder where PyInstaller has written from which files it made the program.
FOLDER gets a folder with the licence of each Debian source package and Python package among
them, and VERSIONS, which names them.
"""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from importlib.metadata import Distribution, distributions
from pathlib import Path

LICENSE = re.compile(r"(?:licen[cs]e|copying|notice|authors|e[dp]l-v)[^/]*$", re.IGNORECASE)


def taken(tables: Path) -> set[Path]:
    """The files that the program was made from."""
    text = "".join(table.read_text() for table in tables.glob("*-00.toc"))
    return {Path(path).resolve() for path in re.findall(r"'(/[^']+)'", text)}


def debian_packages(files: set[Path]) -> dict[str, tuple[str, Path]]:
    """Version and copyright of each source package that has one of the files."""
    found = {}
    for listing in Path("/var/lib/dpkg/info").glob("*.list"):
        lines = listing.read_text().splitlines()
        if not any(Path(line).resolve() in files for line in lines if not line.endswith("/.")):
            continue
        package = listing.stem
        form = "--showformat=${source:Package}\n${source:Version}\n${Package}"
        said = subprocess.run(
            ["dpkg-query", "--show", form, package], check=True, capture_output=True, text=True
        )
        source, version, name = said.stdout.split("\n")
        found[source] = version, Path("/usr/share/doc", name, "copyright")
    return found


def python_packages(files: set[Path]) -> list[Distribution]:
    return [
        each
        for each in distributions()
        if any(Path(str(each.locate_file(file))).resolve() in files for file in each.files or ())
    ]


def main(tables: Path, folder: Path) -> None:
    files = {path for path in taken(tables) if path.is_file()}
    versions = {}
    for name, (version, text) in debian_packages(files).items():
        versions[name] = version
        (folder / name).mkdir(parents=True)
        shutil.copyfile(text, folder / name / "copyright")
    for package in python_packages(files):
        name = package.metadata["Name"].lower()
        versions[name] = package.version
        (folder / name).mkdir(parents=True)
        for file in package.files or ():
            if LICENSE.search(str(file)) and not str(file).endswith(".py"):
                shutil.copyfile(str(package.locate_file(file)), folder / name / file.name)
        if not any((folder / name).iterdir()):
            shutil.copyfile(f"licenses/{name}.txt", folder / name / "LICENSE.txt")
    lines = [f"{name} {version}\n" for name, version in sorted(versions.items())]
    (folder / "VERSIONS").write_text("".join(lines))


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
