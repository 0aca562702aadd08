"""dist/ holds one whole release, with what the names promise."""

from __future__ import annotations

import hashlib
import re
import subprocess
import tarfile
import zipfile
from pathlib import Path

import pytest

from .test_docs import links

HOME = Path(__file__).parents[1]
DIST = HOME / "dist"
MOST_BYTES = 12_000_000

TARBALLS = [f"eflexcan2mqtt_{each}.tgz" for each in ("x86_64", "aarch64", "armhf")]
SUMS = dict(reversed(line.split()) for line in (DIST / "SHA256SUMS").read_text().splitlines())


def version_of(tarball):
    """The version, and the machine it is for."""
    with tarfile.open(DIST / tarball) as archive:
        member = f"{tarball.removesuffix('.tgz')}/VERSION"
        return archive.extractfile(member).read().decode().split()


VERSION, _ = version_of(TARBALLS[0])
DEBS = {f"eflexcan2mqtt_{VERSION}_{each}.deb": each for each in ("amd64", "arm64", "armhf")}
WHEEL = f"eflexcan2mqtt-{VERSION}-py3-none-any.whl"


def test_it_has_a_file_for_each_way_to_install_and_nothing_else():
    assert {each.name for each in DIST.iterdir()} == {*TARBALLS, *DEBS, WHEEL, "SHA256SUMS"}


def test_the_sums_are_those_of_all_its_files():
    files = [each for each in DIST.iterdir() if each.name != "SHA256SUMS"]
    assert {each.name: hashlib.sha256(each.read_bytes()).hexdigest() for each in files} == SUMS


def test_every_file_is_small_enough_for_a_clone():
    assert [each for each in DIST.iterdir() if each.stat().st_size > MOST_BYTES] == []


@pytest.mark.parametrize("tarball", TARBALLS)
def test_a_tarball_is_of_the_version_and_for_the_machine_of_its_name(tarball):
    machine = re.fullmatch(r"eflexcan2mqtt_(.+)\.tgz", tarball)[1]
    assert version_of(tarball) == [VERSION, machine]


@pytest.mark.parametrize("deb", DEBS)
def test_a_deb_is_of_the_version_and_for_the_machine_of_its_name(deb):
    said = subprocess.run(
        ["dpkg-deb", "--show", "--showformat=${Package} ${Version} ${Architecture}", DIST / deb],
        check=True,
        capture_output=True,
        text=True,
    )
    assert said.stdout.split() == ["eflexcan2mqtt", VERSION, DEBS[deb]]


def test_the_wheel_is_of_the_version():
    with zipfile.ZipFile(DIST / WHEEL) as archive:
        about = archive.read(f"eflexcan2mqtt-{VERSION}.dist-info/METADATA").decode()
    assert f"\nVersion: {VERSION}\n" in about


def test_the_change_log_knows_the_version():
    assert f"\n## {VERSION}\n" in (HOME / "CHANGELOG.md").read_text()


def test_a_page_says_which_file_is_for_whom():
    pages = [HOME / "README.md", *(HOME / "docs").glob("*.md")]
    named = set(re.findall(r"\bdist/(eflexcan2mqtt[\w.-]+)", "".join(map(Path.read_text, pages))))
    assert named == {*TARBALLS, *DEBS, WHEEL}


@pytest.fixture(scope="module", params=TARBALLS)
def unpacked(request, tmp_path_factory):
    folder = tmp_path_factory.mktemp("unpacked")
    with tarfile.open(DIST / request.param) as archive:
        archive.extractall(folder, filter="data")
    return folder / request.param.removesuffix(".tgz")


def test_the_links_of_its_pages_lead_to_files_that_it_has(unpacked):
    """And those to pages for developers are gone."""
    pages = list(unpacked.rglob("*.md"))
    assert unpacked / "docs/settings.md" in pages
    for page in pages:
        for target, _ in links(page):
            assert target.exists(), f"{page}: {target}"


def test_it_has_the_licence_of_everything_inside(unpacked):
    folder = unpacked / "eflexcan2mqtt/licenses"
    names = [line.split()[0] for line in (folder / "VERSIONS").read_text().splitlines()]
    assert {"python3.11", "openssl", "sqlite3", "zlib", "libffi", "expat"} < set(names)
    assert {"python-can", "paho-mqtt", "pyserial", "msgpack", "rich", "pyinstaller"} < set(names)
    for name in names:
        assert any((folder / name).iterdir()), name
