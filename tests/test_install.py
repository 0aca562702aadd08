"""install.sh into a folder: no root, no systemd, and nothing touched when something is wrong."""

from __future__ import annotations

import os
import re
import shutil
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from eflexcan2mqtt import __version__

from .support.checkout import THIS_PYTHON, copy_checkout, installed

HOME = Path(__file__).parents[1]
PROGRAM = "usr/local/bin/eflexcan2mqtt"
SYSCTL = "packaging/eflexcan2mqtt.conf"
UNITS = ("eflexcan2mqtt.service", "eflexcan2mqtt@.service")
WANTS = "etc/systemd/system/multi-user.target.wants"


@pytest.fixture
def release(tmp_path):
    """An unpacked release whose program is a script."""
    folder = tmp_path / "release"
    (folder / "eflexcan2mqtt").mkdir(parents=True)
    program = folder / "eflexcan2mqtt/eflexcan2mqtt"
    program.write_text("#!/bin/sh\necho frozen\n")
    program.chmod(0o755)
    for name in ("install.sh", "eflexcan2mqtt.ini", *UNITS, SYSCTL):
        shutil.copy(HOME / name, folder)
    (folder / "VERSION").write_text("9.9 x86_64\n")
    return folder


@pytest.fixture
def install(release, tmp_path):
    """Run its install.sh into a folder; the result."""

    def install(*arguments, folder=release, **environment):
        return subprocess.run(
            [folder / "install.sh", *arguments],
            env={**os.environ, "DESTDIR": str(tmp_path / "root"), **environment},
            capture_output=True,
            text=True,
            check=False,
        )

    return install


@pytest.fixture
def root(tmp_path):
    return tmp_path / "root"


def test_it_puts_everything_in_its_place_and_says_what_is_next(install, root):
    done = install()
    assert done.returncode == 0, done.stderr
    assert "9.9 is installed" in done.stdout
    for command in (
        "nano /etc/eflexcan2mqtt.ini",
        "eflexcan2mqtt --config /etc/eflexcan2mqtt.ini --check",
        "systemctl start",
    ):
        assert f"    sudo {command}" in done.stdout
    assert (root / PROGRAM / "eflexcan2mqtt").stat().st_mode & stat.S_IXUSR
    assert str((root / "usr/local/sbin/eflexcan2mqtt").readlink()) == f"/{PROGRAM}/eflexcan2mqtt"
    for name, place in (
        ("eflexcan2mqtt.ini", "etc/eflexcan2mqtt.ini"),
        *((unit, f"etc/systemd/system/{unit}") for unit in UNITS),
        (SYSCTL, "etc/sysctl.d/10-eflexcan2mqtt.conf"),
    ):
        assert (root / place).read_bytes() == (HOME / name).read_bytes()
    secret = root / "etc/eflexcan2mqtt.password"
    assert (secret.read_bytes(), stat.S_IMODE(secret.stat().st_mode)) == (b"", 0o600)


def test_where_sbin_is_bin_the_program_is_not_replaced_by_a_link_to_itself(install, root):
    """Fedora 42."""
    (root / "usr/local/bin").mkdir(parents=True)
    (root / "usr/local/sbin").symlink_to("bin")
    for _ in range(2):
        done = install()
        assert done.returncode == 0, done.stderr
        program = root / PROGRAM / "eflexcan2mqtt"
        assert not program.is_symlink()
        assert program.read_text() == "#!/bin/sh\necho frozen\n"
        assert f"    sudo /{PROGRAM}/eflexcan2mqtt --config /etc/eflexcan2mqtt.ini" in done.stdout
    assert install("--uninstall").returncode == 0
    assert list((root / "usr/local/bin").iterdir()) == []
    assert (root / "usr/local/sbin").is_symlink()


def test_an_upgrade_keeps_what_was_edited_and_clears_what_is_stale(install, root):
    install()
    (root / PROGRAM / "stale.so").touch()
    (root / "etc/eflexcan2mqtt.ini").write_text("[mqtt]\nport = 1884\n")
    (root / "etc/eflexcan2mqtt.password").write_text("geheim")
    done = install()
    assert done.returncode == 0
    assert "/etc/eflexcan2mqtt.ini is kept as it is" in done.stdout
    assert not (root / PROGRAM / "stale.so").exists()
    assert (root / "etc/eflexcan2mqtt.ini").read_text() == "[mqtt]\nport = 1884\n"
    assert (root / "etc/eflexcan2mqtt.ini.new").read_bytes() == (
        HOME / "eflexcan2mqtt.ini"
    ).read_bytes()
    assert (root / "etc/eflexcan2mqtt.password").read_text() == "geheim"


def test_an_upgrade_of_an_unedited_ini_lays_nothing_beside_it(install, root):
    install()
    install()
    assert not (root / "etc/eflexcan2mqtt.ini.new").exists()


def test_it_goes_without_the_settings_unless_purged(install, root):
    install()
    (root / "var/lib/private/eflexcan2mqtt").mkdir(parents=True)
    assert install("--uninstall").returncode == 0
    assert files(root) == {"etc/eflexcan2mqtt.ini", "etc/eflexcan2mqtt.password"}
    assert (root / "var/lib/private/eflexcan2mqtt").is_dir()
    assert install("--uninstall", "--purge").returncode == 0
    assert not list(root.rglob("*eflexcan2mqtt*"))


@pytest.fixture
def second_bank(root):
    """A second bank, as its owner makes it."""
    state = root / "var/lib/private/eflexcan2mqtt-barn/spool.db"
    for file in (root / "etc/eflexcan2mqtt-barn.ini", state):
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text("of the barn")
    (root / "var/lib/eflexcan2mqtt-barn").symlink_to("private/eflexcan2mqtt-barn")
    (root / WANTS).mkdir(parents=True, exist_ok=True)
    (root / WANTS / "eflexcan2mqtt@barn.service").symlink_to(
        "/etc/systemd/system/eflexcan2mqtt@.service"
    )
    return {
        "etc/eflexcan2mqtt-barn.ini",
        "var/lib/eflexcan2mqtt-barn",
        "var/lib/private/eflexcan2mqtt-barn/spool.db",
    }


def test_more_banks_go_with_the_first(install, root, second_bank):
    install()
    done = install("--uninstall")
    assert "kept: " in done.stdout
    assert "/etc/eflexcan2mqtt-*.ini" in done.stdout
    first = {"etc/eflexcan2mqtt.ini", "etc/eflexcan2mqtt.password"}
    assert files(root) == first | second_bank
    (root / "etc/eflexcan2mqtt-barn.password").write_text("secret")
    install("--uninstall", "--purge")
    assert files(root) == set()


def files(root):
    """All but the folders; a link to one is no folder."""
    found = (path for path in root.rglob("*") if path.is_symlink() or not path.is_dir())
    return {str(path.relative_to(root)) for path in found}


def test_the_copy_of_the_unit_that_a_bank_had_stays_and_what_can_replace_it_is_named(install, root):
    install()
    copy = root / "etc/systemd/system/eflexcan2mqtt-barn.service"
    copy.write_text(f"[Service]\nExecStart=/{PROGRAM} --config /etc/eflexcan2mqtt-barn.ini\n")
    other = copy.with_name("eflexcan2mqtt-other.service")
    other.write_text(f"[Service]\nExecStart=/{PROGRAM} --config /etc/own.ini\n")
    before = copy.read_bytes()
    said = [line for line in install().stdout.splitlines() if "can replace" in line]
    assert said == [
        "eflexcan2mqtt@barn.service can replace /etc/systemd/system/eflexcan2mqtt-barn.service, "
        "with the same settings; docs/many-banks.md says how"
    ]
    assert copy.read_bytes() == before


def test_systemd_finds_no_mistake_in_the_units(tmp_path):
    """With a program that exists; the machine of tests/system asks for the installed ones."""
    if not shutil.which("systemd-analyze"):
        pytest.skip("no systemd-analyze here")
    for unit in UNITS:
        text = (HOME / unit).read_text()
        (tmp_path / unit).write_text(
            re.sub("^ExecStart=[^ ]+", "ExecStart=/bin/true", text, flags=re.MULTILINE)
        )
    done = subprocess.run(
        ["systemd-analyze", "verify", tmp_path / UNITS[0], tmp_path / "eflexcan2mqtt@barn.service"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")


def test_a_checkout_is_installed_with_an_environment_of_its_own(install, root, tmp_path):
    """The real thing: our wheel, and the packages of the lock file."""
    checkout = copy_checkout(tmp_path / "checkout")
    before = {path: path.stat().st_mtime for path in checkout.rglob("*")}
    old = root / "usr/local/lib/eflexcan2mqtt/main.py"
    old.parent.mkdir(parents=True)
    old.touch()
    done = install(folder=checkout, PATH=THIS_PYTHON)
    assert done.returncode == 0, done.stderr
    assert "/usr/local/lib/eflexcan2mqtt/bin/python -I\n" in installed(root)[-1].read_text()
    assert not old.exists()
    assert {path: path.stat().st_mtime for path in checkout.rglob("*")} == before
    shutil.rmtree(checkout)

    program = run_launcher(root, "--version")
    assert program.stdout == f"eflexcan2mqtt {__version__}\n", program.stderr

    # What an upgrade of the system to another Python leaves behind.
    [packages] = (root / "usr/local/lib/eflexcan2mqtt/lib").glob("python3*")
    packages.rename(packages.with_name("python3.1"))
    program = run_launcher(root, "--version")
    assert program.stderr == (
        "eflexcan2mqtt: /usr/local/lib/eflexcan2mqtt has no packages for Python "
        f"{sys.version_info.major}.{sys.version_info.minor}: "
        "run `sudo ./install.sh` again in the folder with the source\n"
    )
    assert program.returncode == 78


def run_launcher(root, *arguments):
    """The installed program; its first line names a Python that is in no folder but /."""
    return subprocess.run(
        [*installed(root), *arguments],
        cwd=root,
        capture_output=True,
        text=True,
        check=False,
    )


def test_a_narrow_umask_of_root_locks_nobody_out(install, root, release):
    """The service runs as a user of its own."""
    done = subprocess.run(
        ["sh", "-c", f"umask 077; {release}/install.sh"],
        env={**os.environ, "DESTDIR": str(root)},
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stderr == ""
    for path in (root / PROGRAM, root / PROGRAM / "eflexcan2mqtt"):
        assert path.stat().st_mode & 0o055 == 0o055


def test_an_incomplete_release_touches_nothing(install, release, root):
    shutil.rmtree(release / "eflexcan2mqtt")
    done = install()
    assert done.returncode == 1
    assert "not complete" in done.stderr
    assert not root.exists()


@pytest.mark.parametrize(
    ("arguments", "words"),
    [(["--frobnicate"], "unknown option --frobnicate"), (["--purge"], "goes with --uninstall")],
)
def test_a_wrong_option_touches_nothing(install, root, arguments, words):
    done = install(*arguments)
    assert done.returncode == 1
    assert words in done.stderr
    assert not root.exists()


def test_without_systemd_it_says_so(install):
    """As here: nothing is installed into a machine that cannot run it."""
    done = install(DESTDIR="")
    assert done.returncode == 1
    expected = "must be run as root" if os.getuid() else "needs systemd"
    assert expected in done.stderr


def test_shellcheck_has_nothing_to_say():
    if not shutil.which("shellcheck"):
        assert not os.environ.get("CI"), "shellcheck is missing"
        pytest.skip("no shellcheck here")
    scripts = [
        "install.sh",
        "packaging/build.sh",
        "packaging/try.sh",
        "packaging/wheel.sh",
        "packaging/deb.sh",
        *(
            f"packaging/debian/eflexcan2mqtt.{each}"
            for each in ("preinst", "postinst", "prerm", "postrm")
        ),
        "packaging/container.sh",
        "packaging/homeassistant-app/eflexcan2mqtt/run.sh",
        "packaging/eflexcan2mqtt.bash",
        "tests/support/tree.sh",
        "tests/homeassistant/tree.sh",
        "tests/support/tree_tests.sh",
        "tests/support/image.sh",
        ".ci/run",
    ]
    # With what they source: half of a script alone would use names that it does not set.
    done = subprocess.run(
        ["shellcheck", "--external-sources", "--check-sourced", *scripts],
        cwd=HOME,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.stdout == ""
