"""What root can do, and the user that systemd makes for the service cannot."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from eflexcan2mqtt.commands.service_check import first_free_port, readable, state_folder, unit_of
from eflexcan2mqtt.settings.load import load
from tests.support.broker import free_port
from tests.support.faults import seen

pytestmark = pytest.mark.skipif(os.getuid() != 0, reason="needs root, as this check does")


@pytest.fixture
def ini(tmp_path):
    """An INI that the unit uses, with a certificate and the page's password; all readable."""
    tmp_path = tmp_path.resolve()
    for folder in [tmp_path, *tmp_path.parents]:
        if str(folder).startswith("/tmp/"):
            folder.chmod(0o755)
    path = tmp_path / "eflexcan2mqtt.ini"
    path.write_text("[web]\npassword_file = secret\n")
    path.chmod(0o644)
    (tmp_path / "secret").write_text("geheim\n")
    (tmp_path / "secret").chmod(0o600)
    return path


@pytest.fixture
def unit(ini, tmp_path, monkeypatch):
    """A systemctl that shows a unit with more lines."""
    tools = tmp_path / "bin"
    tools.mkdir()

    def make(*lines):
        (tools / "unit").write_text(
            "\n".join([f"ExecStart=/x/eflexcan2mqtt --config {ini}", "DynamicUser=yes", *lines, ""])
        )
        (tools / "systemctl").write_text(f"#!/bin/sh\ncat {tools}/unit\n")
        (tools / "systemctl").chmod(0o755)

    monkeypatch.setenv("PATH", f"{tools}:{os.environ['PATH']}")
    return make


def found(ini):
    unit = unit_of(ini)
    return [finding.text for finding in readable(load(ini), ini, unit)] if unit else []


def test_a_secret_that_only_root_may_read_is_found_with_what_helps(ini, unit):
    unit()
    secret = ini.with_name("secret")
    [text] = found(ini)
    assert text.startswith(f"{secret}: ")
    seen("a file can be read by root, but not by the service", text)
    unit(f"LoadCredential=secret:{secret}")
    assert found(ini) == []


def test_the_service_reads_the_credential_that_the_advice_gives_it(ini, monkeypatch):
    credentials = ini.with_name("credentials")
    credentials.mkdir()
    (credentials / "secret").write_text("of systemd\n")
    ini.with_name("secret").unlink()
    monkeypatch.setenv("CREDENTIALS_DIRECTORY", str(credentials))
    assert load(ini).web.password == "of systemd"


def test_an_ini_that_only_root_may_read_is_found(ini, unit):
    unit(f"LoadCredential=secret:{ini.with_name('secret')}")
    ini.chmod(0o600)
    [text] = found(ini)
    assert f"chmod 644 {ini}" in text
    assert "/etc/eflexcan2mqtt.password" in text


def test_a_folder_that_the_unit_hides_is_found(ini, unit):
    unit("PrivateTmp=yes")
    ini.with_name("secret").chmod(0o644)
    hidden = str(ini).startswith("/tmp/")
    assert len(found(ini)) == (2 if hidden else 0)


def test_another_ini_than_the_services_is_its_owners_business(ini, unit):
    unit()
    other = ini.with_name("mine.ini")
    other.write_text(ini.read_text())
    assert found(other) == []


def test_the_ini_of_a_further_bank_is_looked_at_as_its_service_sees_it(ini, unit, tmp_path):
    """systemctl shows the text of the template, with %i for the bank."""
    barn = ini.rename(ini.with_name("eflexcan2mqtt-barn.ini"))
    secret = ini.with_name("secret")
    template = f"ExecStart=/x/eflexcan2mqtt --config {tmp_path.resolve()}/eflexcan2mqtt-%i.ini"
    unit(template, "StateDirectory=eflexcan2mqtt-%i")
    [text] = found(barn)
    assert "`sudo systemctl edit eflexcan2mqtt@barn.service`, and there `[Service]` and " in text
    assert state_folder(unit_of(barn)) == Path("/var/lib/eflexcan2mqtt-barn")
    unit(template, f"LoadCredential=secret:{secret}")
    assert found(barn) == []


def test_each_bank_is_looked_up_by_the_name_of_its_ini(ini, unit, tmp_path):
    asked = tmp_path / "bin/asked"
    unit()
    (tmp_path / "bin/systemctl").write_text(f"#!/bin/sh\necho $@ >{asked}\n")
    for name, service in (
        ("eflexcan2mqtt.ini", "eflexcan2mqtt.service"),
        ("eflexcan2mqtt-my-barn.ini", "eflexcan2mqtt@my-barn.service"),
    ):
        unit_of(ini.with_name(name))
        assert asked.read_text() == f"cat {service}\n"


def test_systemctl_does_not_get_the_libraries_of_the_frozen_program(ini, unit, monkeypatch):
    unit()
    systemctl = ini.with_name("bin") / "systemctl"
    systemctl.write_text(f'#!/bin/sh\n[ -z "$LD_LIBRARY_PATH" ] && cat {systemctl.parent}/unit\n')
    monkeypatch.setenv("LD_LIBRARY_PATH", "/usr/lib/eflexcan2mqtt/_internal")
    assert unit_of(ini)


def test_without_the_service_there_is_nothing_to_find(ini):
    assert found(ini) == []


@pytest.fixture
def check(run, ini):
    """Checks more lines of the unit's INI for an output; what it said, and its exit status."""

    def check(lines, output):
        ini.write_text(lines)
        done = run("check", "-c", ini, "--input", "simulator", "--output", output)
        return done.stdout.partition("\n")[2], done.returncode

    return check


def test_a_port_that_only_root_may_have_is_found(check, unit):
    if first_free_port() <= 80:
        pytest.skip("all users of this machine may have port 80")
    unit("CapabilityBoundingSet=", "AmbientCapabilities=")
    said, status = check("[web]\nlisten = 127.0.0.1:80\n", "web")
    assert status == 1
    seen("a port can be had by root, but not by the service", said)
    assert len(said.splitlines()) == 1
    granted = "AmbientCapabilities=CAP_NET_BIND_SERVICE"
    for private in ("yes", "no"):
        unit("AmbientCapabilities=", "PrivateUsers=yes", granted, f"PrivateUsers={private}")
        said, _ = check("[web]\nlisten = 127.0.0.1:80\n", "web")
        assert ("the service may not use this port" in said) == (private == "yes")


def test_a_port_for_all_users_is_free_for_the_service(check, unit):
    unit("CapabilityBoundingSet=", "AmbientCapabilities=")
    said, status = check(f"[web]\nlisten = 127.0.0.1:{free_port()}\n", "web")
    assert said.endswith(": free for the page\n")
    assert status == 0


def test_a_spool_outside_of_the_services_folders_is_found(check, unit, broker, tmp_path):
    unit("StateDirectory=eflexcan2mqtt", "ProtectSystem=strict")
    mqtt = f"[mqtt]\nhostname = 127.0.0.1\nport = {broker.port}\n[spool]\ndirectory = "
    said, status = check(f"{mqtt}{tmp_path}/spool\n", "mqtt")
    assert status == 1
    seen("a folder can be written by root, but not by the service", said)
    for each in ("/var/lib/eflexcan2mqtt", "/var/lib/eflexcan2mqtt/spool"):
        said, status = check(f"{mqtt}{each}\n", "mqtt")
        assert f"ok  {each}: arrays of an outage are kept there" in said
        assert status == 0, said
    unit("StateDirectory=eflexcan2mqtt", "ProtectSystem=strict", f"ReadWritePaths=-{tmp_path}")
    assert check(f"{mqtt}{tmp_path}/spool\n", "mqtt")[1] == 0


def test_a_storage_outside_of_the_services_folders_is_found(check, unit, broker, tmp_path):
    unit("StateDirectory=eflexcan2mqtt", "ProtectSystem=strict")
    mqtt = f"[mqtt]\nhostname = 127.0.0.1\nport = {broker.port}\n"
    said, status = check(f"{mqtt}[storage]\ndirectory = {tmp_path}/kept\n", "mqtt")
    assert status == 1
    what = "arrays of an outage and counters of energy"
    remedy = "remove [storage] directory; the service then uses a folder of its own"
    assert f"{tmp_path}/kept: the service cannot keep {what} there; {remedy}\n" in said
    own = f"{mqtt}[storage]\ndirectory = /var/lib/eflexcan2mqtt\n[spool]\ndirectory =\n"
    said, status = check(own, "mqtt")
    assert "ok  /var/lib/eflexcan2mqtt: counters of energy are kept there" in said
    assert status == 0


def test_root_forgets_the_counters_of_the_service(run, ini, unit, broker):
    unit("StateDirectory=eflexcan2mqtt-of-a-test other", "ProtectSystem=strict")
    ini.write_text(f"[mqtt]\nhostname = 127.0.0.1\nport = {broker.port}\n")
    done = run("forget", "energy", "-c", ini)
    assert done.stdout.endswith(
        "/var/lib/eflexcan2mqtt-of-a-test/energy.json: there is no such file\n"
    )
