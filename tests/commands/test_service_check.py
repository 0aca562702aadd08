"""What root can read, and the user that systemd makes for the service cannot."""

from __future__ import annotations

import os

import pytest

from eflexcan2mqtt.commands.service_check import readable
from eflexcan2mqtt.settings.load import load
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
    return [finding.text for finding in readable(load(ini), ini)]


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


def test_without_the_service_there_is_nothing_to_find(ini):
    assert found(ini) == []
