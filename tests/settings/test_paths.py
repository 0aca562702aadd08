"""A path is a file or folder that is really meant, or a complaint."""

from __future__ import annotations

from pathlib import Path

import pytest

from eflexcan2mqtt.settings import paths
from eflexcan2mqtt.settings.load import load


@pytest.fixture(autouse=True)
def _folders(monkeypatch):
    monkeypatch.setenv("STATE_DIRECTORY", "/var/lib/first:/var/lib/second")
    monkeypatch.setenv("HOME", "/home/me")
    monkeypatch.delenv("NOWHERE", raising=False)


@pytest.mark.parametrize(
    ("text", "path"),
    [
        ("$STATE_DIRECTORY", "/var/lib/first"),
        ("${STATE_DIRECTORY}/spool", "/var/lib/first/spool"),
        ("~", "/home/me"),
        ("~/spool", "/home/me/spool"),
        ("$HOME/spool", "/home/me/spool"),
        ("/a~b/c d", "/a~b/c d"),
        ("/costs $ 5", "/costs $ 5"),
        ("", ""),
    ],
)
def test_a_path_is_expanded(write, text, path):
    config = load(write(f"[spool]\ndirectory = {text}\n[logging]\nlog_dir = {text}\n"))
    assert config.spool.directory == path
    assert config.logging.log_dir == path


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("$NOWHERE/x", "expected a path: $NOWHERE is not set; write it out"),
        ("$s3cret", "expected a path: a variable in it is not set; write it out"),
        ("~no-such-user/x", "expected a path: ~ has no home folder here; write it out"),
    ],
)
def test_a_path_that_cannot_be_expanded_is_a_complaint(complaints, text, complaint):
    found = complaints(f"[spool]\ndirectory = {text}\n[mqtt]\ntls = yes\ntls_ca = {text}\n")
    assert found == [
        f"x.ini:2: [spool] directory: {complaint}",
        f"x.ini:5: [mqtt] tls_ca: {complaint}",
    ]


def test_outside_of_the_service_there_is_no_state_directory(complaints, monkeypatch):
    monkeypatch.delenv("STATE_DIRECTORY")
    assert complaints("[spool]\ndirectory = $STATE_DIRECTORY\n") == [
        "x.ini:2: [spool] directory: expected a path: $STATE_DIRECTORY is not set; "
        "remove the line: the service uses this folder anyway"
    ]


def test_of_two_state_directories_the_first_is_ours():
    assert paths.state_directory() == "/var/lib/first"


def test_a_password_is_found_in_the_home_folder(write, tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    (tmp_path / "secret").write_bytes(b"\xef\xbb\xbfgeheim\r\n")
    config = load(write("[mqtt]\nusername = me\npassword_file = ~/secret\n"))
    assert config.mqtt.password == "geheim"
    assert Path(config.mqtt.password_file) == tmp_path / "secret"
