"""The scripts of the Debian package, in a folder that stands for the root of a machine.

They run as dpkg runs them, without root; ``tests/system/test_package.py`` installs the package.
"""

from __future__ import annotations

import os
import shutil
import stat
import subprocess
from pathlib import Path

import pytest

# `install`, with DESTDIR=root, and the other fixtures are those of install.sh's own test.
from .test_install import files, install, release, second_bank  # noqa: F401

HOME = Path(__file__).parents[1]
SCRIPTS = HOME / "packaging/debian"
SHIPPED = "usr/share/eflexcan2mqtt/eflexcan2mqtt.ini"
INI = "etc/eflexcan2mqtt.ini"
PASSWORD = "etc/eflexcan2mqtt.password"
UNITS = "etc/systemd/system"
WANTED = f"{UNITS}/multi-user.target.wants/eflexcan2mqtt.service"
WANTED_BARN = f"{UNITS}/multi-user.target.wants/eflexcan2mqtt@barn.service"
OLD_PROGRAM = "/usr/local/bin/eflexcan2mqtt/eflexcan2mqtt"
NEW_PROGRAM = "/usr/lib/eflexcan2mqtt/eflexcan2mqtt"


@pytest.fixture
def root(tmp_path):
    """A machine on which dpkg has unpacked the package."""
    folder = tmp_path / "root"
    (folder / "run").mkdir(parents=True)
    write(folder / SHIPPED, (HOME / "eflexcan2mqtt.ini").read_text())
    return folder


@pytest.fixture
def script(root):
    """Run a script of the package; what it says."""

    def script(name, *arguments):
        done = subprocess.run(
            ["sh", SCRIPTS / f"eflexcan2mqtt.{name}", *arguments],
            env={"PATH": os.environ["PATH"], "DPKG_ROOT": str(root)},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
        )
        assert (done.returncode, done.stderr) == (0, "")
        return done.stdout

    return script


@pytest.fixture
def upgrade(root, script):
    """Upgrade to a version that ships this INI."""

    def upgrade(shipped):
        script("preinst", "upgrade", "1", "2")
        write(root / SHIPPED, shipped)
        return script("postinst", "configure", "1")

    return upgrade


@pytest.fixture
def by_install_sh(install, root):  # noqa: F811
    """What install.sh leaves on a machine with systemd."""
    assert install().returncode == 0
    (root / WANTED).parent.mkdir()
    (root / WANTED).symlink_to(f"/{UNITS}/eflexcan2mqtt.service")
    return root


def write(path, text):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)


def test_a_first_installation_brings_an_ini_and_a_place_for_the_password(root, script):
    assert "edit /etc/eflexcan2mqtt.ini, then run:" in script("postinst", "configure")
    assert files(root) == {SHIPPED, INI, PASSWORD}
    assert (root / INI).read_bytes() == (root / SHIPPED).read_bytes()
    secret = root / PASSWORD
    assert (secret.read_bytes(), stat.S_IMODE(secret.stat().st_mode)) == (b"", 0o600)


def test_an_edited_ini_is_kept_and_new_defaults_are_laid_beside_it(root, script, upgrade):
    script("postinst", "configure")
    write(root / INI, "[mqtt]\nport = 1884\n")
    write(root / PASSWORD, "secret")
    assert upgrade("[mqtt]\n# new\n") == (
        "eflexcan2mqtt: /etc/eflexcan2mqtt.ini is kept as it is; "
        "the new one is /etc/eflexcan2mqtt.ini.new\n"
    )
    assert files(root) == {SHIPPED, INI, f"{INI}.new", PASSWORD}
    assert (root / INI).read_text() == "[mqtt]\nport = 1884\n"
    assert (root / f"{INI}.new").read_text() == "[mqtt]\n# new\n"
    assert (root / PASSWORD).read_text() == "secret"


def test_defaults_that_are_not_new_are_not_laid_beside_it_again(root, script, upgrade):
    script("postinst", "configure")
    write(root / INI, "[mqtt]\nport = 1884\n")
    assert upgrade((root / SHIPPED).read_text()) == ""
    assert files(root) == {SHIPPED, INI, PASSWORD}


def test_what_install_sh_installed_is_removed_in_one_line_and_the_owners_is_kept(
    by_install_sh, script
):
    root = by_install_sh
    write(root / INI, "[mqtt]\nport = 1884\n")
    write(root / "var/lib/private/eflexcan2mqtt/spool.db", "arrays")
    drop_in = root / UNITS / "eflexcan2mqtt.service.d/own.conf"
    write(drop_in, "[Service]\nMemoryMax=256M\n")
    took_over, kept = script("postinst", "configure").splitlines()
    assert took_over == (
        "eflexcan2mqtt: took over the installation by install.sh: INI, password and spool are "
        "kept; removed /etc/systemd/system/eflexcan2mqtt.service "
        "/etc/systemd/system/eflexcan2mqtt@.service /usr/local/bin/eflexcan2mqtt "
        "/usr/local/sbin/eflexcan2mqtt /etc/sysctl.d/10-eflexcan2mqtt.conf"
    )
    assert "/etc/eflexcan2mqtt.ini is kept as it is" in kept
    owned = {INI, f"{INI}.new", PASSWORD, "var/lib/private/eflexcan2mqtt/spool.db"}
    assert files(root) == {SHIPPED, *owned, WANTED, str(drop_in.relative_to(root))}
    assert (root / INI).read_text() == "[mqtt]\nport = 1884\n"
    assert drop_in.read_text() == "[Service]\nMemoryMax=256M\n"


def test_the_service_stays_enabled_with_the_unit_of_the_package(by_install_sh, script):
    script("postinst", "configure")
    assert (by_install_sh / WANTED).readlink() == Path(
        "/usr/lib/systemd/system/eflexcan2mqtt.service"
    )


def test_more_banks_stay_enabled_with_the_template_of_the_package(
    by_install_sh,
    script,
    second_bank,  # noqa: F811
):
    root = by_install_sh
    script("postinst", "configure")
    assert not (root / UNITS / "eflexcan2mqtt@.service").exists()
    assert (root / WANTED_BARN).readlink() == Path("/usr/lib/systemd/system/eflexcan2mqtt@.service")
    assert files(root) >= second_bank


def test_a_bank_with_a_copy_of_the_unit_keeps_it_and_is_named_what_can_replace_it(
    root, script, upgrade
):
    script("postinst", "configure")
    copy = f"[Service]\nExecStart={NEW_PROGRAM} --config /etc/eflexcan2mqtt-barn.ini\n"
    write(root / UNITS / "eflexcan2mqtt-barn.service", copy)
    assert upgrade((root / SHIPPED).read_text()) == (
        "eflexcan2mqtt: eflexcan2mqtt@barn.service can replace "
        "/etc/systemd/system/eflexcan2mqtt-barn.service, with the same settings; "
        "/usr/share/doc/eflexcan2mqtt/docs/many-banks.md says how\n"
    )
    assert (root / UNITS / "eflexcan2mqtt-barn.service").read_text() == copy


def test_a_purge_takes_more_banks_with_it_and_a_removal_keeps_them(
    root,
    script,
    second_bank,  # noqa: F811
):
    script("postinst", "configure")
    write(root / "etc/eflexcan2mqtt-barn.password", "secret")
    shutil.rmtree(root / "usr")
    kept = files(root)
    script("prerm", "remove")
    script("postrm", "remove")
    assert files(root) == kept >= {*second_bank, WANTED_BARN}
    script("postrm", "purge")
    assert files(root) == set()


def test_an_installation_from_a_checkout_is_removed_with_its_environment(by_install_sh, script):
    write(by_install_sh / "usr/local/lib/eflexcan2mqtt/bin/python", "")
    assert " /usr/local/lib/eflexcan2mqtt" in script("postinst", "configure")
    assert not list(by_install_sh.rglob("usr/local/**/*eflexcan2mqtt*"))


def test_services_of_more_banks_and_drop_ins_start_the_program_of_the_package(
    by_install_sh, script
):
    units = by_install_sh / UNITS
    barn, drop_in = units / "eflexcan2mqtt-barn.service", units / "eflexcan2mqtt.service.d/own.conf"
    write(barn, f"[Service]\nExecStart = {OLD_PROGRAM} --config /etc/own.ini\n")
    twice = "[Service]\nExecStartPre=sh -c '{0} check || {0} check'\n"
    write(drop_in, twice.format(OLD_PROGRAM))
    said = script("postinst", "configure")
    assert barn.read_text() == f"[Service]\nExecStart = {NEW_PROGRAM} --config /etc/own.ini\n"
    assert drop_in.read_text() == twice.format(NEW_PROGRAM)
    for own in (barn, drop_in):
        assert f" /{own.relative_to(by_install_sh)}" in said.split("these now use ")[1]


def test_what_the_owner_made_of_the_package_is_not_taken_for_an_installation(root, script):
    """As `systemctl edit --full`, `pipx install --global` and sysctl.d(5) make it."""
    own = {
        f"{UNITS}/eflexcan2mqtt.service": f"[Service]\nExecStart={NEW_PROGRAM}\n",
        "etc/sysctl.d/10-eflexcan2mqtt.conf": "net.core.rmem_max = 4194304\n",
        "opt/pipx/eflexcan2mqtt": "",
    }
    for name, text in own.items():
        write(root / name, text)
    (root / "usr/local/bin").mkdir(parents=True)
    (root / "usr/local/bin/eflexcan2mqtt").symlink_to("/opt/pipx/eflexcan2mqtt")
    assert "took over" not in script("postinst", "configure")
    assert files(root) == {SHIPPED, INI, PASSWORD, "usr/local/bin/eflexcan2mqtt", *own}


def test_a_removal_keeps_what_is_the_owners_and_a_purge_leaves_nothing(root, script, upgrade):
    script("postinst", "configure")
    write(root / INI, "[mqtt]\nport = 1884\n")
    upgrade("[mqtt]\n# new\n")
    write(root / "var/lib/private/eflexcan2mqtt/spool.db", "arrays")
    (root / "var/lib/eflexcan2mqtt").symlink_to("private/eflexcan2mqtt")
    shutil.rmtree(root / "usr")
    kept = files(root)
    script("prerm", "remove")
    script("postrm", "remove")
    assert files(root) == kept
    script("postrm", "purge")
    assert files(root) == set()


def test_a_purge_after_install_sh_has_come_back_touches_nothing(by_install_sh, script):
    before = files(by_install_sh)
    script("postrm", "purge")
    assert files(by_install_sh) == before
