"""Records become readings, and readings blocks; one is the inverse of the other."""

from __future__ import annotations

import string
from contextlib import suppress
from struct import calcsize
from typing import get_origin, get_type_hints

import pytest
from hypothesis import given
from hypothesis import strategies as st

from eflexcan2mqtt.protocol import values
from eflexcan2mqtt.protocol.array import array_of
from eflexcan2mqtt.protocol.assembler import Record
from eflexcan2mqtt.protocol.blocks import CELLS, STATUS
from eflexcan2mqtt.protocol.decode import DecodeError, decode, encode
from eflexcan2mqtt.protocol.fields import FIELDS, STAGES, Field, field
from eflexcan2mqtt.protocol.reading import Reading
from tests.support.bank import EXAMPLE, FULL


def numbers(of: Field) -> st.SearchStrategy[int]:
    """The full range of a field's raw number."""
    if of.mask is not None:
        return st.integers(0, of.mask >> ((of.mask & -of.mask).bit_length() - 1))
    size = 8 * calcsize("=" + of.format[-1])
    if of.format[-1].islower():
        return st.integers(-(2 ** (size - 1)), 2 ** (size - 1) - 1)
    return st.integers(0, 2**size - 1)


def values_of(of: Field) -> st.SearchStrategy:
    """All that a field can say."""
    match of.value:
        case values.Serial():
            found = st.builds(
                "{:02d}{:02d}{}{:02d}{}{:04d}".format,
                *(st.integers(0, 99), st.integers(0, 99), st.integers(0, 255), st.integers(0, 99)),
                *(st.sampled_from(string.ascii_letters), st.integers(0, 65_535)),
            )
        case values.Letter():
            found = st.sampled_from([chr(code) for code in range(0x21, 0x7F)])
        case values.Choice():
            found = st.sampled_from(of.value.words)
        case values.Numbers():
            found = st.lists(numbers(of), min_size=16, max_size=16)
        case values.Probes():
            probe = st.one_of(st.none(), st.integers(1, 255).map(lambda raw: raw - 40))
            found = st.fixed_dictionaries({str(number): probe for number in range(1, 7)})
        case values.Tenths():
            found = numbers(of).map(lambda raw: raw / 10)
        case values.Celsius():
            found = numbers(of).map(lambda raw: raw - 40)
        case values.Whole():
            found = numbers(of)
        case _:
            values.assert_never(of.value)
    return found


def test_a_kind_of_value_that_was_forgotten_is_an_error():
    with pytest.raises(AssertionError, match="kind of value"):
        values.assert_never("a new kind")


SENT = [each for each in FIELDS if isinstance(each, Field)]
READINGS = st.fixed_dictionaries({each.key: values_of(each) for each in SENT})


@given(READINGS, st.integers(0, 2**32), st.floats(-0.499, 0.499))
def test_decoding_what_was_encoded_gives_the_reading(reading, time, fraction):
    """And the time to the nearest second."""
    decoded = decode(Record(1, *encode(reading), time + fraction))
    assert {key: decoded[key] for key in reading} == reading
    assert decoded["time"] == time


@given(READINGS, st.binary(min_size=77, max_size=77), st.binary(min_size=49, max_size=49))
def test_encoding_what_was_decoded_gives_the_bytes(reading, status, cells):
    """The bytes that nobody understands come from the raw blocks."""
    blocks = encode({**reading, "raw_status": status.hex(), "raw_cells": cells.hex()})
    decoded = decode(Record(1, *blocks, 0.0))
    assert encode(decoded) == blocks


@given(st.binary(min_size=77, max_size=77), st.binary(min_size=49, max_size=49))
def test_any_bytes_decode_or_raise_a_decode_error(status, cells):
    with suppress(DecodeError):
        assert decode(Record(7, status, cells, 5.0))["time"] == 5


@given(st.binary(min_size=77, max_size=77), st.binary(min_size=49, max_size=49))
def test_no_byte_beyond_serial_number_and_hardware_version_costs_a_reading(status, cells):
    """Nothing that only a later stage shows takes a documented value away."""
    good = {key: FULL[0][key] for key in ("battery_id", "hardware_version")}
    status, cells = encode({**good, "raw_status": status.hex(), "raw_cells": cells.hex()})
    assert decode(Record(7, status, cells, 5.0))["battery_id"] == good["battery_id"]


JSON_TYPES = {
    "boolean": bool,
    "integer": int,
    "list of integers": list[int],
    "number": float,
    "object": dict[str, int | None],
    "string": str,
}


def test_a_reading_has_the_keys_and_the_types_of_the_field_table():
    assert get_type_hints(Reading) == {
        each.key: JSON_TYPES[each.value.json_type] for each in FIELDS
    }


@given(READINGS)
def test_every_value_has_the_type_that_the_reading_says(reading):
    decoded = decode(Record(1, *encode(reading), 5.0))
    for key, kind in get_type_hints(Reading).items():
        assert type(decoded[key]) is (get_origin(kind) or kind), key


@pytest.mark.parametrize("stage", STAGES)
def test_the_array_shows_the_keys_of_its_stage_in_their_order(stage):
    [shown] = array_of(stage)(FULL[:1])
    assert list(shown) == [each.key for each in FIELDS if each.key in shown]
    assert shown.items() <= FULL[0].items()
    assert set(EXAMPLE[0]) <= set(shown)


def test_tenths_are_divided_and_not_multiplied():
    """53.3, not 53.300000000000004."""
    for raw in range(65_536):
        assert repr(values.Tenths.decode(raw)) == f"{raw // 10}.{raw % 10}"


@pytest.mark.parametrize(
    ("raw", "serial"),
    [
        ("22 11 00 54 46 27 0F", "2211054F9999"),
        ("22 11 00 54 46 03 E7", "2211054F0999"),
        ("22 11 FF 54 46 FF FF", "221125554F65535"),
    ],
)
def test_a_serial_number_is_printed_as_the_vendor_does(raw, serial):
    assert values.Serial().decode(bytes.fromhex(raw)) == serial
    assert values.Serial().encode(serial) == bytes.fromhex(raw)


@pytest.mark.parametrize("index", [0, 1, 0xFFFF, 0xFFFF * 12_345])
def test_a_made_up_serial_number_is_known_as_one(index):
    serial = values.Serial()
    assert serial.is_made_up(serial.decode(serial.made_up(index)))
    assert not serial.is_made_up("2211054F9999")


@pytest.mark.parametrize(
    ("key", "raw"),
    [
        ("battery_id", b"\x22\x1a\x00\x54\x46\x27\x0f"),
        ("battery_id", b"\x22\x11\x00\xa4\x46\x27\x0f"),
        ("battery_id", b"\x22\x11\x00\x54\x3f\x27\x0f"),
        ("battery_id", b"\x22\x11\x00\x54\xc4\x27\x0f"),
        ("hardware_version", b"\x00"),
        ("hardware_version", b"\xe9"),
    ],
)
def test_what_no_battery_sends_raises_an_error_that_names_battery_field_and_bytes(key, raw):
    status, cells = encode(EXAMPLE[0])
    at = field(key).offset
    broken = status[:at] + raw + status[at + len(raw) :]
    with pytest.raises(DecodeError) as caught:
        decode(Record(9, broken, cells, 0.0))
    assert str(caught.value).startswith(f"battery 9: {key}: bytes {raw.hex(' ').upper()}: expected")


@pytest.mark.parametrize("serial", ["", "2211054F999", "22110256054F99999", "221105FF9999"])
def test_a_serial_number_of_another_shape_cannot_be_encoded(serial):
    with pytest.raises(ValueError, match=r"serial|range"):
        encode({"battery_id": serial})


@pytest.mark.parametrize(
    ("words", "status"),
    [((0, 0, 0), "Normal"), ((0, 0, 8), "3"), ((0, 4, 8), "2"), ((1, 4, 8), "1"), ((1, 0, 0), "1")],
)
def test_the_alarm_status_is_the_worst_level(words, status):
    levels = dict(zip(("alarm_level_1", "alarm_level_2", "alarm_level_3"), words, strict=True))
    decoded = decode(Record(1, *encode({**EXAMPLE[0], **levels}), 0.0))
    assert decoded["alarm_status"] == status
    assert decoded["high_voltage_warning"] is bool(words[2] & 8)


def test_a_probe_that_sends_zero_is_not_fitted():
    temps = {"1": 25, "2": None, "3": -39, "4": 0, "5": 215, "6": None}
    _, cells = encode({"temps": temps})
    assert cells[42:48] == bytes([65, 0, 1, 40, 255, 0])
    assert decode(Record(1, *encode({**EXAMPLE[0], "temps": temps}), 0.0))["temps"] == temps


def test_blocks_have_the_size_of_their_frames():
    assert (STATUS.size, CELLS.size) == (77, 49)
    assert tuple(map(len, encode({}))) == (77, 49)
