"""What no broker accepts is a complaint; what has always worked, works as it stands."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from eflexcan2mqtt.settings import topics
from eflexcan2mqtt.settings.load import load

from ..support.faults import seen


@pytest.mark.parametrize("where", ["[mqtt]\ntopic", "[homeassistant]\nprefix"])
@pytest.mark.parametrize(
    ("topic", "complaint"),
    [
        ("a/#", "expected an MQTT topic without + and #"),
        ("a/+/b", "expected an MQTT topic without + and #"),
        ("", "expected an MQTT topic without + and #"),
        ("$SYS/eflex", "expected an MQTT topic that does not begin with $: those are the broker's"),
        ("a\u0085b", "expected a text without the character U+0085"),
        ("a\uffffb", "expected a text without the character U+FFFF"),
        ("x" * 65_001, "expected an MQTT topic of at most 65000 bytes"),
        ("ü" * 32_501, "expected an MQTT topic of at most 65000 bytes"),
    ],
)
def test_a_topic_that_no_broker_accepts_is_a_complaint(complaints, where, topic, complaint):
    section, key = where.split()
    [found] = complaints(f"{where} = {topic}\n")
    assert found == f"x.ini:2: {section} {key}" + (" = ''" if not topic else "") + f": {complaint}"


@pytest.mark.parametrize("character", ["\0", "\x7f", "\x1b"])
def test_a_control_character_is_a_complaint(complaints, character):
    assert complaints(f"[mqtt]\ntopic = a{character}b\n") == [
        "x.ini:2: expected text, found a control character"
    ]


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        (f"client_id = {'ü' * 32_768}", "client_id: expected a text of at most 65535 bytes"),
        ("client_id = a\u0085b", "client_id: expected a text without the character U+0085"),
        (f"username = {'x' * 65_536}", "username: expected a text of at most 65535 bytes"),
        (
            f"username = me\npassword = {'x' * 65_536}",
            "password: expected a password of at most 65535 bytes",
        ),
    ],
)
def test_a_text_that_no_broker_accepts_is_a_complaint(complaints, text, complaint):
    line = text.count("\n") + 2
    assert complaints(f"[mqtt]\n{text}\n") == [f"x.ini:{line}: [mqtt] {complaint}"]


@pytest.mark.parametrize("line", ["", "password_file = long.txt\n"])
def test_a_password_of_a_file_has_the_same_bound(complaints, tmp_path, line):
    for name in ("password", "long.txt"):
        (tmp_path / name).write_text("x" * 65_536)
    [found] = complaints(f"[mqtt]\nusername = me\n{line}")
    assert ": expected a password of at most 65535 bytes" in found


@pytest.mark.parametrize(
    ("topic", "why"),
    [
        ("/eflex", "a / at the start or end makes a level without a name"),
        ("eflex/", "a / at the start or end makes a level without a name"),
        ('"eflex"', "quotes are part of it"),
        ("'eflex'", "quotes are part of it"),
        ("eflex ; mine", "what stands behind ; is part of it"),
    ],
)
def test_what_has_worked_until_now_works_with_one_warning(write, run, topic, why):
    path = write(f"[mqtt]\ntopic = {topic}\nport = 1\n")
    assert load(path).mqtt.topic == topic
    caution = f"[mqtt] topic: used as it stands, '{topic}': {why}"
    assert list(topics.cautions({"[mqtt] topic": topic})) == [caution]
    done = run("-c", path, "--check", "--input", "sim")
    assert done.stderr == f"{path}: {caution}\n"
    seen("a topic that may be mistyped", done.stderr)


@pytest.mark.parametrize("topic", ["eflexbatteries", "a b/c;d", "$x/y"[1:], "ünïcode/☀"])
def test_other_topics_need_no_warning(topic):
    assert not list(topics.cautions({"[mqtt] topic": topic}))


@pytest.mark.parametrize(
    ("text", "line", "prefix"),
    [
        ("[homeassistant]\ndiscovery = yes\n[mqtt]\ntopic = homeassistant\n", 4, "the default"),
        ("[homeassistant]\ndiscovery = yes\n[mqtt]\ntopic = homeassistant/x\n", 4, "the default"),
        ("[mqtt]\ntopic = ha/x\n[homeassistant]\ndiscovery = yes\nprefix = ha\n", 2, "line 5"),
        ("[homeassistant]\ndiscovery = yes\nprefix = eflexbatteries\n", 3, "line 3"),
    ],
)
def test_a_topic_below_the_prefix_of_home_assistant_is_a_complaint(complaints, text, line, prefix):
    [found] = complaints(text)
    assert found == (
        f"x.ini:{line}: [mqtt] topic: lies under [homeassistant] prefix ({prefix}), "
        "which is for descriptions only; choose another topic"
    )
    seen("`topic` is or lies under Home Assistant's `prefix`", found)


def test_without_discovery_any_topic_is_good(write):
    assert load(write("[mqtt]\ntopic = homeassistant/x\n")).mqtt.topic == "homeassistant/x"


def test_topic_and_prefix_fit_into_one_topic_of_home_assistant(complaints, write):
    text = f"[mqtt]\ntopic = {'a' * 40_000}\n[homeassistant]\nprefix = {'b' * 40_000}\n"
    load(write(text))
    assert complaints(f"{text}discovery = yes\n") == [
        "x.ini:2: [mqtt] topic: expected it and [homeassistant] prefix to have together at most "
        "65000 bytes"
    ]


def test_a_topic_beside_the_prefix_is_good(write):
    text = "[homeassistant]\ndiscovery = yes\n[mqtt]\ntopic = homeassistant2\n"
    assert load(write(text)).mqtt.topic == "homeassistant2"


@given(st.text())
def test_an_accepted_topic_is_one_that_mqtt_can_carry(text):
    complaint = "expected"
    try:
        topic = topics.topic(text)
    except ValueError as error:
        complaint = str(error)
    else:
        assert topic == text
        assert 0 < len(topic.encode()) < 65_536
        assert not set(topic) & set("+#\0\u0085\uffff")
        assert topic[0] != "$"
    assert "expected" in complaint
