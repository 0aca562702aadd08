"""Variables of the environment are enough to run, and win over the INI."""

from __future__ import annotations

import os

from tests.support.broker import free_port, wait_until
from tests.support.faults import seen
from tests.support.program import LOG, mqtt_ini, reads


def variables(**settings):
    return {**os.environ, **{f"EFLEXCAN2MQTT_{key}": str(each) for key, each in settings.items()}}


def test_without_an_ini_variables_are_enough(start, broker, subscribe):
    subscriber = subscribe(broker.port, "solar/#")
    environment = variables(MQTT_HOSTNAME=f"127.0.0.1:{broker.port}", MQTT_TOPIC="solar/eflex")
    process = start("--input", "simulator:2", env=environment)
    wait_until(lambda: subscriber.payloads("solar/eflex"))
    first = reads(process.stderr, "INFO")
    assert ": no INI, 2 variables, input simulator:2, output mqtt, " in first


def test_a_variable_wins_over_the_ini(start, broker, subscribe, tmp_path):
    subscriber = subscribe(broker.port)
    environment = variables(MQTT_PORT=broker.port)
    process = start(
        "-c", mqtt_ini(tmp_path, free_port()), "--input", "simulator:2", env=environment
    )
    wait_until(subscriber.payloads)
    assert f": INI {tmp_path}/test.ini, 1 variable, input " in reads(process.stderr, "INFO")


def test_check_lists_the_variables_that_it_uses(run, tmp_path):
    environment = variables(MQTT_PASSWORD="geheim", MQTT_USERNAME="me", LOGGING_PROFILE="no")
    done = run("check", "--input", LOG, "--output", "json", env=environment)
    _, used, _ = done.stdout.splitlines()
    names = [f"EFLEXCAN2MQTT_{name}" for name in ("LOGGING_PROFILE", "MQTT_PASSWORD")]
    assert used == (f"ok  variables that are used: {', '.join(names)}, EFLEXCAN2MQTT_MQTT_USERNAME")
    assert "geheim" not in done.stdout + done.stderr


def test_wrong_variables_and_lines_end_it_together_with_78(run, tmp_path):
    (tmp_path / "bad.ini").write_text("[mqtt]\nhots = localhost\n")
    environment = variables(MQTT_PORT="18830x", MQTT_PASWORD="geheim")
    done = run("-c", "bad.ini", env=environment)
    assert done.stderr.splitlines() == [
        "bad.ini:2: [mqtt] hots: unknown setting; did you mean 'hostname'?",
        "EFLEXCAN2MQTT_MQTT_PASWORD: [mqtt] pasword: unknown setting; did you mean 'password'?",
        "EFLEXCAN2MQTT_MQTT_PORT: [mqtt] port = '18830x': expected a whole number from 1 to 65535",
    ]
    assert (done.stdout, done.returncode) == ("", 78)
    seen("a wrong variable of the environment", done.stderr)


def test_a_topic_that_may_not_be_meant_is_told_without_an_ini(run):
    done = run("check", "--input", LOG, "--output", "json", env=variables(MQTT_TOPIC="eflex/"))
    assert done.stderr.startswith("[mqtt] topic: used as it stands, 'eflex/': ")


def test_a_secret_that_all_may_read_is_told_without_an_ini(run, tmp_path):
    secret = tmp_path / "secret"
    secret.write_text("geheim")
    secret.chmod(0o644)
    environment = variables(MQTT_USERNAME="me", MQTT_PASSWORD_FILE="secret")
    done = run("--input", LOG, "--output", "json", env=environment)
    assert done.stderr.startswith(
        "secret: readable by all users but holds a password or key: run `chmod 600 secret`"
    )
