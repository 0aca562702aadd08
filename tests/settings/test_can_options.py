"""[can] takes what the Bus class of its interface takes."""

from __future__ import annotations

import can
import pytest

from eflexcan2mqtt.settings import can_options
from eflexcan2mqtt.settings.load import ConfigError, load
from eflexcan2mqtt.settings.schema import Can


@pytest.fixture
def can_of(tmp_path, monkeypatch):
    """[can] as it is read of its lines."""
    monkeypatch.chdir(tmp_path)

    def can_of(*lines):
        (tmp_path / "x.ini").write_text("\n".join(["[can]", *lines]))
        return load((tmp_path / "x.ini").relative_to(tmp_path)).can

    return can_of


@pytest.fixture
def complaints(can_of):
    def complaints(*lines):
        with pytest.raises(ConfigError) as error:
            can_of(*lines)
        return str(error.value).split("\n")

    return complaints


@pytest.mark.parametrize(
    ("interface", "line", "key", "value"),
    [
        ("slcan", "tty_baudrate = 921600", "tty_baudrate", 921_600),
        ("slcan", "sleep_after_open = 0.5", "sleep_after_open", 0.5),
        ("slcan", "listen_only = yes", "listen_only", True),
        ("seeedstudio", "frame_type = EXT", "frame_type", "EXT"),
        ("robotell", "TTYBAUDRATE = 9600", "ttybaudrate", 9600),
        ("udp_multicast", "hop_limit = -1", "hop_limit", -1),
        ("udp_multicast", "fd = no", "fd", False),
        ("pcan", "state = passive", "state", can.BusState.PASSIVE),
        ("vector", "serial = 1234", "serial", 1234),
        ("vector", "app_name = 1234", "app_name", "1234"),
        ("socketcan", "local_loopback = no", "local_loopback", False),
        ("gs_usb", "index = 1", "index", "1"),  # its package is missing, and so is what it takes
    ],
)
def test_a_setting_has_the_type_that_the_interface_wants(can_of, interface, line, key, value):
    assert can_of(f"interface = {interface}", line).options == ((key, value),)


def test_the_server_of_a_socketcand_is_a_host_and_a_port(can_of):
    config = can_of("interface = socketcand", "host = pi.local", "port = 29536", "tcp_tune = yes")
    assert config.options == (("host", "pi.local"), ("port", 29_536), ("tcp_tune", True))
    assert hash(config)


@pytest.mark.parametrize(
    ("lines", "complaint"),
    [
        (
            ("interface = socketcand", "hst = pi", "host = pi", "port = 1"),
            "x.ini:3: [can] hst: unknown setting; did you mean 'host'?",
        ),
        (
            ("interface = slcan", "tty_baudrat = 1"),
            "x.ini:3: [can] tty_baudrat: unknown setting; did you mean 'tty_baudrate'?",
        ),
        (("interface = slcan", "timing = 1"), "x.ini:3: [can] timing: unknown setting"),
        (("interface = slcan", "can_filters = 1"), "x.ini:3: [can] can_filters: unknown setting"),
        (("interface = slcan", "kwargs = 1"), "x.ini:3: [can] kwargs: unknown setting"),
        (("interface = slcan", "options = 1"), "x.ini:3: [can] options: unknown setting"),
        (("chanel = can1",), "x.ini:2: [can] chanel: unknown setting; did you mean 'channel'?"),
        (("host = pi",), "x.ini:2: [can] host: unknown setting"),
        (("topic = x",), "x.ini:2: [can] topic: unknown setting; it belongs in [mqtt]"),
        (
            ("interface = slcan", "rtscts = 1", "rtscts = 1"),
            "x.ini:4: [can] rtscts: set twice, first in line 3",
        ),
        (
            ("interface = slcan", "tty_baudrate = fast"),
            "x.ini:3: [can] tty_baudrate: expected a whole number",
        ),
        (
            ("interface = slcan", "sleep_after_open = long"),
            "x.ini:3: [can] sleep_after_open: expected a number",
        ),
        (
            ("interface = slcan", "listen_only = maybe"),
            "x.ini:3: [can] listen_only: expected yes or no",
        ),
        (
            ("interface = pcan", "state = activ"),
            "x.ini:3: [can] state: expected one of active, passive, error; did you mean 'active'?",
        ),
        (
            ("interface = socketcand", "host = pi", "port = 70000"),
            "x.ini:4: [can] port = '70000': expected a whole number from 1 to 65535",
        ),
        (
            ("interface = socketcand", "host = pi"),
            "x.ini:2: [can] interface = 'socketcand': expected port to be set as well",
        ),
    ],
)
def test_a_wrong_or_missing_setting_is_told_with_its_line(complaints, lines, complaint):
    assert any(each.startswith(complaint) for each in complaints(*lines))


def test_nothing_more_is_told_of_an_interface_that_does_not_exist(complaints):
    [line] = complaints("interface = slcam", "host = x")
    assert "did you mean 'slcan'?" in line


@pytest.mark.parametrize(
    ("interface", "channel", "taken"),
    [
        ("socketcan", "can0", "can0"),
        ("kvaser", "0", 0),  # a number, if the interface counts
        ("vector", "0,1", "0,1"),
        ("virtual", "7", 7),
        ("neovi", "x", "x"),
        ("gs_usb", "0", "0"),
    ],
)
def test_the_channel_has_the_type_that_the_interface_wants(interface, channel, taken):
    assert can_options.arguments(interface, [("channel", channel)]) == {"channel": taken}


def test_a_channel_that_is_no_number_cannot_be_one():
    with pytest.raises(ValueError, match="channel = 'can0': expected a whole number"):
        can_options.arguments("kvaser", [("channel", "can0")])


def test_settings_are_called_as_the_interface_calls_them():
    """An INI knows no capitals."""
    taken = can_options.arguments("robotell", [("ttybaudrate", 9600), ("bitrate", 250_000)])
    assert taken == {"ttyBaudrate": 9600, "bitrate": 250_000}


def test_the_bit_rate_is_left_out_where_none_is_taken(monkeypatch):
    """By an interface that somebody has added to python-can."""

    class Bus(can.BusABC):
        def __init__(self, channel: str) -> None: ...

    monkeypatch.setitem(can.interfaces.BACKENDS, "own", ("tests.settings.test_can_options", "Own"))
    monkeypatch.setattr("tests.settings.test_can_options.Own", Bus, raising=False)
    given = [("channel", "a"), ("bitrate", 250_000)]
    assert can_options.arguments("own", given) == {"channel": "a"}


def test_without_more_settings_python_can_is_not_asked(can_of):
    assert can_of("interface = socketcan", "channel = can1", "bitrate = 500000") == Can(
        "socketcan", "can1", 500_000
    )


@pytest.mark.parametrize(
    ("interface", "channel"),
    [
        ("socketcan", "can0"),
        ("virtual", "can0"),
        ("udp_multicast", "ff15:7079:7468:6f6e:6465:6d6f:6d63:6173"),
        ("slcan", ""),
    ],
)
def test_without_a_channel_there_is_the_usual_one_of_the_interface(can_of, interface, channel):
    """An empty one ends with 78 when the bus is opened, unless --input names one."""
    assert can_of(f"interface = {interface}").channel == channel


@pytest.mark.parametrize("value", ["nan", "inf", "1e999"])
def test_a_number_is_finite(complaints, value):
    [complaint] = complaints("interface = slcan", "channel = x", f"sleep_after_open = {value}")
    assert complaint.endswith(": expected a number")


def test_a_hint_names_the_interfaces_own_setting_first(complaints):
    found = complaints("interface = socketcand", "port = 1", "hostname = x", "host = y")
    assert found == ["x.ini:4: [can] hostname: unknown setting; did you mean 'host'?"]
