"""All mistakes in an INI are reported together, each with its line and what was expected."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from eflexcan2mqtt.settings import ini
from eflexcan2mqtt.settings.load import ConfigError, load
from eflexcan2mqtt.settings.schema import Can, Config, Logging, Mqtt

from ..support.faults import seen
from ..support.program import ORIGINAL_INI


def test_an_empty_ini_is_as_good_as_none(write):
    assert load(write("")) == Config()


def test_the_original_ini_runs_unchanged_and_keeps_its_payload(write):
    config = load(write(ORIGINAL_INI))
    assert config.logging == Logging(log_level="info", log_dir="conf/logs")
    assert config.can == Can()
    assert config.mqtt == Mqtt(publish_interval=60)
    assert config.mqtt.fields == "documented"


@pytest.mark.parametrize(
    ("line", "key", "value"),
    [
        ("hostname: broker.lan", "hostname", "broker.lan"),
        ("HOSTNAME=broker.lan", "hostname", "broker.lan"),
        ("  topic =  a/b c  ", "topic", "a/b c"),
        ("topic = 100%(x)s %d", "topic", "100%(x)s %d"),
        ("topic = a=b:c", "topic", "a=b:c"),
        ("client_id =", "client_id", ""),
        ("hostname = ::1", "hostname", "::1"),
        ("hostname = bücher.example", "hostname", "bücher.example"),
        ("publish_interval = 2.5", "publish_interval", 2.5),
        ("fields = EXTENDED", "fields", "extended"),
        ("tls = On", "tls", True),
        ("tls = 0", "tls", False),
    ],
)
def test_a_good_line_sets_its_value(write, line, key, value):
    assert getattr(load(write(f"# about\n; more\n[mqtt]\n{line}\n")).mqtt, key) == value


def test_what_stands_behind_a_header_is_ignored_as_configparser_does(write):
    assert load(write("[mqtt]  # the broker\nport = 1884\n")).mqtt.port == 1884


def test_settings_behind_a_broken_header_are_not_blamed(complaints):
    assert complaints("[can]\n[mqtt\nport = 1\n") == [
        "x.ini:2: expected 'key = value' or '[section]'"
    ]


def test_a_bom_and_windows_line_ends_are_accepted(write):
    assert load(write(b"\xef\xbb\xbf[mqtt]\r\nport = 1884\r\n")).mqtt.port == 1884


@pytest.mark.parametrize("word", ["WARN", "warning", "Warning"])
def test_log_levels_are_words_in_any_case(write, word):
    assert load(write(f"[logging]\nlog_level = {word}\n")).logging.log_level == "warning"


@pytest.mark.parametrize(
    ("line", "complaint"),
    [
        ("port = 18830x", "port = '18830x': expected a whole number from 1 to 65535"),
        ("port = 0", "port = '0': expected a whole number from 1 to 65535"),
        ("port = 70000", "port = '70000': expected a whole number from 1 to 65535"),
        ("port = ٣", "port: expected a whole number from 1 to 65535"),
        ("port =", "port = '': expected a whole number from 1 to 65535"),
        ("qos = 3", "qos = '3': expected a whole number from 0 to 2"),
        ("keepalive = -1", "keepalive = '-1': expected a whole number from 1 to 65535"),
        (
            "publish_interval = nan",
            "publish_interval = 'nan': expected a number of seconds from 0 to 86400 (a day)",
        ),
        (
            "publish_interval = -1",
            "publish_interval = '-1': expected a number of seconds from 0 to 86400 (a day)",
        ),
        (
            "publish_interval = inf",
            "publish_interval = 'inf': expected a number of seconds from 0 to 86400 (a day)",
        ),
        (
            "publish_interval = 1s",
            "publish_interval = '1s': expected a number of seconds from 0 to 86400 (a day)",
        ),
        ("topic = a/#", "topic: expected an MQTT topic without + and #"),
        ("topic =", "topic = '': expected an MQTT topic without + and #"),
        ("port = 1.5", "port = '1.5': expected a whole number from 1 to 65535"),
        ("tls = maybe", "tls: expected yes or no"),
        (
            "fields = extendet",
            "fields: expected one of documented, extended, experimental; did you mean 'extended'?",
        ),
        (
            "hostname = a..b",
            "hostname: expected a host name or an address, like localhost or 192.168.1.5",
        ),
        (
            "hostname = mqtt://solar:geheim@host",
            "hostname: expected no user and password here: write username and password",
        ),
        (
            "hostname = solar:geheim@host",
            "hostname: expected no user and password here: write username and password",
        ),
        ("hots = localhost", "hots: unknown setting; did you mean 'hostname'?"),
        ("channel = can0", "channel: unknown setting; it belongs in [can]"),
        ("zzzzzz = 1", "zzzzzz: unknown setting"),
        ("passwort = geheim", "passwort: unknown setting; did you mean 'password'?"),
        ("password = geheim", "password: expected username to be set as well"),
        ("tls_ca = x.ini", "tls_ca: expected tls to be set as well"),
        ("tls_insecure = yes", "tls_insecure: expected tls to be set as well"),
    ],
)
def test_a_bad_line_is_reported_with_its_place(complaints, line, complaint):
    found = complaints(f"\n[mqtt]\n{line}\n")
    assert f"x.ini:3: [mqtt] {complaint}" in found
    assert "geheim" not in str(found)


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("port = 1", "x.ini:1: port: expected a header like [mqtt] above it"),
        ("[mqtt]\nport", "x.ini:2: expected 'key = value' or '[section]'"),
        ("[mqtt\nport = 1", "x.ini:1: expected 'key = value' or '[section]'"),
        ("[mqtt]\npassword geheim=x", "x.ini:2: expected 'key = value' or '[section]'"),
        ("[mqtt]\nlog_dir = a\0b", "x.ini:2: expected text, found a control character"),
        ("[mqt]\n", "x.ini:1: [mqt]: unknown section; did you mean 'mqtt'?"),
        ("[disco]\nlisten = 1", "x.ini:1: [disco]: unknown section"),
        ("[mqtt]\nqos = 1\n\nqos = 2", "x.ini:4: [mqtt] qos: set twice, first in line 2"),
        (
            "[mqtt]\n[mqtt]\nqos = 1\n[can]\n[mqtt]\nqos = 2",
            "x.ini:6: [mqtt] qos: set twice, first in line 3",
        ),
        (b"[mqtt]\ntopic = caf\xe9", "x.ini:2: byte 0xE9 is not UTF-8; save the file as UTF-8"),
        (b"\xff\xfe[\0m\0", "x.ini:1: byte 0xFF is not UTF-8; save the file as UTF-8"),
        (
            "[can]\nchannel =",
            "x.ini:2: [can] channel = '': expected the name of a CAN interface, like can0",
        ),
        (
            "[can]\nbitrate = 250k",
            "x.ini:2: [can] bitrate = '250k': expected a whole number from 1 to 1000000",
        ),
        (
            "[spool]\nmax_mb = 0",
            "x.ini:2: [spool] max_mb = '0': "
            "expected a number of megabytes above 0 to 1000000 (a terabyte)",
        ),
        (
            "[spool]\nmax_age_days = x",
            "x.ini:2: [spool] max_age_days = 'x': "
            "expected a number of days above 0 to 36500 (a century)",
        ),
        (
            "[logging]\nlog_level = loud",
            "x.ini:2: [logging] log_level: expected one of debug, info, warning, error, critical",
        ),
    ],
)
def test_a_broken_file_is_reported_with_its_place(complaints, text, complaint):
    assert complaints(text)[0] == complaint


def test_an_unknown_interface_is_reported_with_the_nearest_one(complaints):
    [found] = complaints("[can]\ninterface = sockecan\n")
    assert found.startswith("x.ini:2: [can] interface: expected one of ")
    assert found.endswith("; did you mean 'socketcan'?")


def test_other_interfaces_of_python_can_are_known(write):
    assert (
        load(write("[can]\ninterface = slcan\nchannel = /dev/ttyUSB0\n")).can.interface == "slcan"
    )


def test_all_mistakes_are_reported_together_in_the_order_of_their_lines(complaints):
    text = "x = 1\n[mqtt]\nport = x\nqos = 9\nbad\nqos = 1\ntls_ca = nowhere.pem\n[can]\nfoo = 1\n"
    lines = [each.split(":")[1] for each in complaints(text)]
    assert lines == ["1", "3", "4", "5", "6", "7", "7", "9"]


def test_a_missing_ini_is_an_error(tmp_path):
    with pytest.raises(ConfigError, match="No such file or directory"):
        load(tmp_path / "gone.ini")


@given(st.binary(max_size=500))
def test_any_bytes_are_read_to_their_end(data):
    ini.parse(data)


@given(st.text(alphabet="[]mqtcan=:#; \nportxs%ü\r\t0\0\x1b@", max_size=300))
def test_any_text_is_good_or_reported_with_its_lines(tmp_path_factory, text):
    path = tmp_path_factory.mktemp("ini") / "x.ini"
    path.write_text(text)
    try:
        load(path)
    except ConfigError as error:
        for line in str(error).splitlines():
            assert line.startswith(f"{path}:")


def test_only_the_sections_that_are_asked_for_are_looked_at(write):
    path = write("[mqtt]\nport = 1884\n[can]\nbitrate = much\n[nonsense]\n")
    assert load(path, frozenset({"mqtt"})) == Config(mqtt=Mqtt(port=1884))


@pytest.mark.parametrize("line", ["publish_interval", "max_mb", "max_age_days"])
@pytest.mark.parametrize("number", ["1e308", "inf", "nan", "-1", "1e9"])
def test_a_number_without_reason_is_a_complaint(complaints, line, number):
    section = "mqtt" if line == "publish_interval" else "spool"
    [found] = complaints(f"[{section}]\n{line} = {number}\n")
    assert found.startswith(f"x.ini:2: [{section}] {line} = '{number}': expected a number of ")
    if (line, number) == ("publish_interval", "1e308"):
        seen("a number that makes no sense", found)


def test_a_comment_behind_a_number_is_explained(complaints):
    [found] = complaints("[mqtt]\nport = 1883 ; the default\n")
    assert found.endswith("from 1 to 65535; comments need lines of their own")
