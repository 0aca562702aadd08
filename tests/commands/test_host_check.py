"""What `check` says of the spool's folder and of the page's address."""

from __future__ import annotations

import socket

import pytest

from tests.support.broker import free_port, wait_until
from tests.support.faults import seen


@pytest.fixture
def check(run, tmp_path):
    """Checks an INI for an output; what it said without the first line, and the exit status."""

    def check(ini, output):
        (tmp_path / "eflexcan2mqtt.ini").write_text(ini)
        done = run("check", "--input", "simulator", "--output", output)
        return done.stdout.partition("\n")[2], done.returncode

    return check


def spool(folder, port):
    return f"[mqtt]\nhostname = 127.0.0.1\nport = {port}\n[spool]\ndirectory = {folder}\n"


@pytest.mark.parametrize("name", ["there", "not/yet/there"])
def test_a_folder_that_can_be_written_is_left_as_it_is(check, broker, tmp_path, name):
    (tmp_path / "there").mkdir()
    folder = tmp_path / name
    existed = folder.exists()
    said, status = check(spool(folder, broker.port), "mqtt")
    assert f"ok  {folder}: arrays of an outage are kept there\n" in said
    assert status == 0
    assert folder.exists() == existed
    assert not list((tmp_path / "there").iterdir())


@pytest.mark.parametrize("folder", ["/proc/spool", "/proc/version/spool"])
def test_a_folder_that_cannot_be_written_is_found(check, broker, folder):
    said, status = check(spool(folder, broker.port), "mqtt")
    assert status == 1
    seen("check: the spool's folder cannot be written", said)


def test_the_page_s_address_is_free_or_in_use(check):
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        said, status = check(f"[web]\nlisten = 127.0.0.1:{port}\n", "web")
        assert status == 1
        seen("check: the page's address is in use", said)
    assert check(f"[web]\nlisten = 127.0.0.1:{port}\n", "web") == (
        f"ok  http://127.0.0.1:{port}: free for the page\n",
        0,
    )


def test_an_address_of_another_machine_is_found(check):
    said, status = check("[web]\nlisten = 192.0.2.1:8080\n", "web")
    assert said.startswith("BAD http://192.0.2.1:8080: Cannot assign requested address; ")
    assert status == 1


def test_the_address_is_ours_while_the_service_runs(check, start, tmp_path):
    port = free_port()
    ini = f"[web]\nlisten = 127.0.0.1:{port}\n"
    (tmp_path / "eflexcan2mqtt.ini").write_text(ini)
    start("--input", "simulator:1", "--output", "web")
    with socket.socket() as probe:
        wait_until(lambda: probe.connect_ex(("127.0.0.1", port)) == 0)
    said, status = check(ini, "web")
    assert said == f"ok  http://127.0.0.1:{port}: the page is served already\n"
    assert status == 0


def test_an_address_is_of_no_concern_to_an_output_without_a_page(check):
    assert check("[web]\nlisten = 192.0.2.1:8080\n", "json") == ("", 0)


def test_an_address_for_the_network_is_shown_as_browsers_take_it(check):
    port = free_port()
    said, status = check(f"[web]\nlisten = 0.0.0.0:{port}\n", "web")
    assert "0.0.0.0" not in said
    assert f"http://{socket.gethostname()}:{port}: free for the page\n" in said
    assert status == 0
