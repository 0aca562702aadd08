"""What --check says."""

from __future__ import annotations

import socket
import subprocess
import time

from tests.support.adapters import SerialAdapter
from tests.support.bank import sent
from tests.support.broker import free_port
from tests.support.faults import seen
from tests.support.program import LOG, mqtt_ini


def test_check_says_that_all_is_well(run, broker, tmp_path):
    done = run("-c", mqtt_ini(tmp_path, broker.port), "--input", "simulator", "--check")
    assert done.stdout.splitlines() == [
        f"ok  {tmp_path}/test.ini: the settings are good",
        f"ok  127.0.0.1:{broker.port}: accepts us, arrays go to 'eflexbatteries' with QoS 2; "
        "an array of 15 batteries (6802 bytes) came back with MQTT 5",
    ]
    assert done.returncode == 0


def test_check_says_that_qos_0_may_lose_arrays(run, broker, tmp_path):
    done = run("-c", mqtt_ini(tmp_path, broker.port, qos=0), "--input", "simulator", "--check")
    assert "with QoS 0, which may lose some on the way" in done.stdout


def test_a_secret_that_everybody_may_read_is_told(run, tmp_path):
    path = mqtt_ini(tmp_path, 1, username="me", password="geheim")
    path.chmod(0o644)
    done = run("-c", path, "--input", LOG, "--output", "json")
    assert done.stderr.startswith(
        f"{path}: readable by all users but holds a password or key: run `chmod 600 {path}`"
    )
    assert "geheim" not in done.stderr


def test_check_says_what_is_wrong_with_bus_and_broker(run, tmp_path):
    port = free_port()
    done = run("-c", mqtt_ini(tmp_path, port), "--input", "can:can77", "--check")
    good, bus, broker = done.stdout.splitlines()
    assert good == f"ok  {tmp_path}/test.ini: the settings are good"
    assert bus.startswith("BAD can77: ")
    assert broker == f"BAD 127.0.0.1:{port}: Connection refused"
    assert done.returncode == 1


def test_check_of_json_needs_no_broker(run):
    done = run("--input", "simulator", "--output", "json", "--check")
    absent = (
        "no INI (looked for eflexcan2mqtt.ini and /etc/eflexcan2mqtt.ini): the defaults are used"
    )
    assert done.stdout == f"ok  {absent}\n"
    assert done.returncode == 0
    seen("there is no INI", done.stdout)


def test_check_looks_at_a_log(run):
    good = run("--input", LOG, "--output", "json", "--check")
    assert f"ok  {LOG}: 57 frames of 3 batteries over 1 s" in good.stdout
    bad = run("--input", "gone.log", "--output", "json", "--check")
    assert "BAD gone.log: No such file or directory" in bad.stdout
    assert (good.returncode, bad.returncode) == (0, 1)


def test_check_listens_for_batteries(run, tmp_path):
    """A bus that is open and silent is reported as that."""
    (tmp_path / "x.ini").write_text("[can]\ninterface = virtual\nchannel = nobody\n")
    done = run("-c", "x.ini", "--output", "json", "--check")
    assert "BAD nobody: open, but no frames from any battery for 3 s; " in done.stdout
    assert done.returncode == 1


def test_check_hears_batteries(start, tmp_path):
    with SerialAdapter() as adapter:
        (tmp_path / "x.ini").write_text(f"[can]\ninterface = slcan\nchannel = {adapter.name}\n")
        process = start("-c", "x.ini", "--output", "json", "--check")
        adapter.wait_until_open()
        deadline = time.monotonic() + 15
        while process.poll() is None and time.monotonic() < deadline:
            adapter.send(sent(1) + sent(2))
            time.sleep(0.3)
        assert "hears 2 batteries" in process.stdout.read()


def test_check_names_a_refusing_and_a_mute_broker_without_the_password(run, make_broker, tmp_path):
    passwords = tmp_path / "passwords"
    subprocess.run(["mosquitto_passwd", "-b", "-c", passwords, "solar", "rightsecret"], check=True)
    refusing = make_broker("allow_anonymous false", f"password_file {passwords}").start()
    ini = mqtt_ini(tmp_path, refusing.port, username="solar", password="wrongsecret")
    done = run("-c", ini, "--input", "simulator", "--check", "-v")
    assert f"BAD 127.0.0.1:{refusing.port}: the broker refuses us: Not authorized" in done.stdout
    assert "secret" not in done.stdout + done.stderr
    with socket.create_server(("127.0.0.1", 0)) as server:
        ini = mqtt_ini(tmp_path, server.getsockname()[1])
        done = run("-c", ini, "--input", "simulator", "--check")
    assert "accepts the connection but does not answer" in done.stdout
    assert done.returncode == 1
