"""Variables of the environment hold settings, as the lines of an INI do, and win over these."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from eflexcan2mqtt.settings import environment, secrets
from eflexcan2mqtt.settings.given import Origin
from eflexcan2mqtt.settings.load import ConfigError, load
from eflexcan2mqtt.settings.schema import SECTIONS, Config, Mqtt, settings

SETTINGS = [(name, key) for name in SECTIONS for key in settings(name)]


def variable(section, key):
    return f"EFLEXCAN2MQTT_{section}_{key}".upper()


def loaded(ini=None, **variables):
    """What an INI and variables, named without their prefix, make."""
    return load(ini, variables={f"EFLEXCAN2MQTT_{key}": each for key, each in variables.items()})


def wrong(ini=None, **variables):
    """What is said of them, without the folder of the INI and the prefix of variables."""
    with pytest.raises(ConfigError) as caught:
        loaded(ini, **variables)
    said = str(caught.value).replace("EFLEXCAN2MQTT_", "")
    return (said.replace(f"{ini.parent}/", "") if ini else said).splitlines()


@pytest.mark.parametrize(("section", "key"), SETTINGS)
def test_every_setting_has_a_variable_that_means_the_same_as_its_line(write, section, key):
    """Also an empty one, and one with mistakes."""
    for value in ("", "yes", "2", "1884", "a/b c", "127.0.0.1:80", "virtual", "Ünsinn #", "$NO/x"):
        line = write(f"[{section}]\n{key} = {value}\n")
        try:
            expected = load(line)
        except ConfigError as error:
            with pytest.raises(ConfigError) as caught:
                load(None, variables={variable(section, key): value})
            said = (
                str(error)
                .replace(f"{line}:2", variable(section, key))
                .replace("line 2", variable(section, key))
            )
            assert str(caught.value) == said
        else:
            assert load(None, variables={variable(section, key): value}) == expected


def test_other_variables_are_not_ours():
    found = load(None, variables={"EFLEX_SEED": "1", "MQTT_PORT": "x", "EFLEXCAN2MQTT": "x"})
    assert found == Config()


def test_a_variable_wins_over_the_line_of_the_ini(write):
    ini = write("[mqtt]\nport = 1884\ntopic = a\n")
    assert loaded(ini, MQTT_PORT="1885").mqtt == Mqtt(port=1885, topic="a")


def test_settings_of_an_interface_have_variables(write):
    ini = write("[can]\ninterface = slcan\nchannel = /dev/ttyACM0\ntty_baudrate = 115200\n")
    assert loaded(ini, CAN_TTY_BAUDRATE="9600").can.options == (("tty_baudrate", 9600),)
    alone = loaded(CAN_INTERFACE="slcan", CAN_CHANNEL="/dev/x", CAN_TTY_BAUDRATE="9600")
    assert alone.can.options == (("tty_baudrate", 9600),)
    assert wrong(CAN_INTERFACE="socketcand", CAN_HOST="x") == [
        "CAN_INTERFACE: [can] interface = 'socketcand': expected port to be set as well"
    ]


def test_the_interface_of_a_variable_decides_what_the_ini_may_hold(write):
    ini = write("[can]\ninterface = slcan\ntty_baudrate = 115200\n")
    assert wrong(ini, CAN_INTERFACE="virtual") == ["x.ini:3: [can] tty_baudrate: unknown setting"]


def test_the_mistakes_of_both_are_reported_together(write):
    ini = write("[mqtt]\nport = x\nhots = localhost\n")
    assert wrong(ini, MQTT_QOS="3", CAN_BITRAT="1", WEB_LISTEN="geheim", MQT_QOS="geheim") == [
        "x.ini:2: [mqtt] port = 'x': expected a whole number from 1 to 65535",
        "x.ini:3: [mqtt] hots: unknown setting; did you mean 'hostname'?",
        "CAN_BITRAT: [can] bitrat: unknown setting; did you mean 'bitrate'?",
        "MQTT_QOS: [mqtt] qos = '3': expected a whole number from 0 to 2",
        "MQT_QOS: [mqt]: unknown section; did you mean 'mqtt'?",
        "WEB_LISTEN: [web] listen: expected an address and a port, like 127.0.0.1:8080 for this "
        "machine or 0.0.0.0:8080 for the whole network",
    ]


@pytest.mark.parametrize(
    ("name", "value", "complaint"),
    [
        ("MQTT_PORT", "1883\n1884", "MQTT_PORT: expected text, found a control character"),
        ("MQTT_TOPIC", "caf\udce9", "MQTT_TOPIC: expected text in UTF-8"),
        ("PORT", "tcp://10.0.0.1:80", "PORT: expected a name like MQTT_PORT"),
        ("", "geheim", ": expected a name like MQTT_PORT"),
        ("CAN_OPTIONS", "geheim", "CAN_OPTIONS: [can] options: unknown setting"),
        ("CAN_CHANEL", "x", "CAN_CHANEL: [can] chanel: unknown setting; did you mean 'channel'?"),
        ("MQTT_CHANNEL", "x", "MQTT_CHANNEL: [mqtt] channel: unknown setting; it belongs in [can]"),
        (
            "WEB_PASSWORD",
            "geheim",
            "WEB_PASSWORD: [web] password: unknown setting; did you mean 'password_file'?",
        ),
    ],
)
def test_a_bad_variable_is_reported_by_its_name(name, value, complaint):
    assert wrong(**{name: value}) == [complaint]


def test_one_setting_has_one_variable():
    assert wrong(MQTT_QOS="1", MQTT_qos="2") == [
        "MQTT_qos: [mqtt] qos: set twice, first in MQTT_QOS"
    ]


def test_a_url_in_a_variable_wins_over_the_port_of_the_ini(write):
    ini = write("[mqtt]\nhostname = localhost\nport = 1883\ntls = no\n")
    found = loaded(ini, MQTT_HOSTNAME="mqtts://broker.lan").mqtt
    assert found == Mqtt(hostname="broker.lan", port=8883, tls=True)


def test_a_port_in_a_variable_wins_over_the_url_of_the_ini(write):
    ini = write("[mqtt]\nhostname = mqtts://broker.lan:8884\n")
    found = loaded(ini, MQTT_PORT="8885").mqtt
    assert found == Mqtt(hostname="broker.lan", port=8885, tls=True)


def test_a_host_in_a_variable_replaces_the_url_of_the_ini_and_all_that_this_held(write):
    ini = write("[mqtt]\nhostname = wss://old.lan:8884/mqtt5\n")
    assert loaded(ini, MQTT_HOSTNAME="new.lan").mqtt == Mqtt(hostname="new.lan")


def test_variables_that_disagree_are_both_named():
    assert wrong(MQTT_HOSTNAME="host:1884", MQTT_PORT="1883") == [
        "MQTT_PORT: [mqtt] port: expected the same as in hostname, MQTT_HOSTNAME, or no port"
    ]


def test_a_password_takes_the_place_of_the_file_of_the_ini_and_the_other_way_round(write, tmp_path):
    (tmp_path / "secret").write_text("of the file")
    ini = write("[mqtt]\nusername = me\npassword_file = secret\n")
    assert loaded(ini, MQTT_PASSWORD="of the variable").mqtt.password == "of the variable"
    ini = write("[mqtt]\nusername = me\npassword = of the line\n")
    file = str(tmp_path / "secret")
    assert loaded(ini, MQTT_PASSWORD_FILE=file).mqtt.password == "of the file"


def test_two_variables_with_a_password_are_one_too_many_and_both_are_named(tmp_path):
    (tmp_path / "secret").write_text("geheim")
    variables = {"MQTT_PASSWORD": "geheim2", "MQTT_PASSWORD_FILE": str(tmp_path / "secret")}
    assert wrong(MQTT_USERNAME="me", **variables) == [
        "MQTT_PASSWORD_FILE: [mqtt] password_file: expected either password (MQTT_PASSWORD) or "
        "password_file, not both"
    ]


def test_a_topic_of_a_variable_may_not_lie_under_the_prefix_of_the_ini(write):
    ini = write("[homeassistant]\ndiscovery = yes\nprefix = ha\n")
    assert wrong(ini, MQTT_TOPIC="ha/eflex") == [
        "MQTT_TOPIC: [mqtt] topic: lies under [homeassistant] prefix (line 3), which is for "
        "descriptions only; choose another topic"
    ]


@pytest.mark.parametrize(
    ("ini", "names", "words"),
    [
        (None, [], "no INI"),
        (None, ["a"], "no INI, 1 variable"),
        (Path("x.ini"), ["a", "b"], "INI x.ini, 2 variables"),
    ],
)
def test_where_settings_come_from_is_said_in_words(ini, names, words):
    assert str(Origin(ini, names)) == words


@pytest.mark.parametrize("section", SECTIONS)
def test_every_secret_can_be_in_a_file(section):
    """So the variable ..._FILE of each is that of a setting, and an INI can have it as well."""
    secret = [key for key, each in settings(section).items() if each.metadata["secret"]]
    assert [key for key in secret if f"{key}_file" not in settings(section)] == []
    assert ("password" in secret) == (section == "mqtt")


def test_a_secret_is_read_from_the_file_that_a_variable_names(tmp_path):
    (tmp_path / "secret").write_text("geheim %$\n")
    config = loaded(MQTT_USERNAME="me", MQTT_PASSWORD_FILE=str(tmp_path / "secret"))
    assert config.mqtt.password == "geheim %$"
    assert "geheim" not in repr(config)
    assert wrong(MQTT_USERNAME="me", MQTT_PASSWORD_FILE=str(tmp_path / "gone")) == [
        "MQTT_PASSWORD_FILE: [mqtt] password_file: expected the name of a file that can be read: "
        "No such file or directory"
    ]


def test_who_may_read_a_secret_that_a_container_mounts_is_not_ours_to_say(tmp_path, monkeypatch):
    (tmp_path / "secret").write_text("geheim")
    (tmp_path / "secret").chmod(0o644)
    config = loaded(MQTT_USERNAME="me", MQTT_PASSWORD_FILE=str(tmp_path / "secret"))
    assert secrets.exposed(None, config) == [tmp_path / "secret"]
    monkeypatch.setattr(secrets, "MOUNTED", tmp_path)
    assert secrets.exposed(None, config) == []


def test_relative_paths_of_variables_start_at_the_current_folder(write, tmp_path, monkeypatch):
    current = tmp_path / "current"
    current.mkdir()
    (current / "secret").write_text("of the variable")
    (tmp_path / "secret").write_text("of the INI")
    monkeypatch.chdir(current)
    ini = write("[mqtt]\nusername = me\npassword_file = secret\n")
    assert loaded(ini).mqtt.password == "of the INI"
    found = loaded(ini, MQTT_PASSWORD_FILE="secret").mqtt
    assert (found.password, Path(found.password_file)) == ("of the variable", Path("secret"))


def test_only_the_sections_that_are_asked_for_are_looked_at():
    variables = {variable("mqtt", "port"): "1884", variable("can", "bitrate"): "much"}
    variables[variable("nonsense", "x")] = "1"
    assert load(None, frozenset({"mqtt"}), variables) == Config(mqtt=Mqtt(port=1884))


@given(
    st.dictionaries(st.sampled_from([variable(*each) for each in SETTINGS]) | st.text(), st.text())
)
def test_any_environment_is_read_to_its_end(variables):
    environment.parse({f"EFLEXCAN2MQTT_{name}": value for name, value in variables.items()})
