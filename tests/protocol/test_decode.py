"""Records become readings, and readings blocks; one is the inverse of the other."""

from __future__ import annotations

import string
from contextlib import suppress
from itertools import pairwise
from struct import calcsize

import pytest
from hypothesis import given
from hypothesis import strategies as st

from eflexcan2mqtt.protocol import values
from eflexcan2mqtt.protocol.assembler import Record
from eflexcan2mqtt.protocol.blocks import CELLS, STATUS
from eflexcan2mqtt.protocol.decode import DecodeError, Decoder, encode
from eflexcan2mqtt.protocol.fields import FIELDS, STAGES, Field, field
from tests.support.bank import EXAMPLE


def numbers(of: Field) -> st.SearchStrategy[int]:
    """The full range of a field's raw number."""
    if of.mask is not None:
        return st.integers(0, of.mask >> ((of.mask & -of.mask).bit_length() - 1))
    size = 8 * calcsize("=" + of.format[-1])
    if of.format[-1].islower():
        return st.integers(-(2 ** (size - 1)), 2 ** (size - 1) - 1)
    return st.integers(0, 2**size - 1)


def values_of(of: Field) -> st.SearchStrategy:  # noqa: PLR0911 (one a class)
    """All that a field can say."""
    value = of.value
    if isinstance(value, values.Serial):
        return st.builds(
            "{:02d}{:02d}{}{:02d}{}{:04d}".format,
            *(st.integers(0, 99), st.integers(0, 99), st.integers(0, 255), st.integers(0, 99)),
            *(st.sampled_from(string.ascii_letters), st.integers(0, 65_535)),
        )
    if isinstance(value, values.Letter):
        return st.sampled_from([chr(code) for code in range(0x21, 0x7F)])
    if isinstance(value, values.Choice):
        return st.sampled_from(value.words)
    if isinstance(value, values.Numbers):
        return st.lists(numbers(of), min_size=16, max_size=16)
    if isinstance(value, values.Probes):
        probe = st.one_of(st.none(), st.integers(1, 255).map(lambda raw: raw - 40))
        return st.fixed_dictionaries({str(number): probe for number in range(1, 7)})
    if isinstance(value, values.Tenths):
        return numbers(of).map(lambda raw: raw / 10)
    if isinstance(value, values.Celsius):
        return numbers(of).map(lambda raw: raw - 40)
    assert isinstance(value, values.Whole), of.key
    return numbers(of)


SENT = [each for each in FIELDS if isinstance(each, Field)]
READINGS = st.fixed_dictionaries({each.key: values_of(each) for each in SENT})


@given(READINGS, st.integers(0, 2**32))
def test_decoding_what_was_encoded_gives_the_reading(reading, time):
    decoded = Decoder(STAGES[-1])(Record(1, *encode(reading), time + 0.9))
    assert {key: decoded[key] for key in reading} == reading
    assert decoded["time"] == time


@given(READINGS, st.binary(min_size=77, max_size=77), st.binary(min_size=49, max_size=49))
def test_encoding_what_was_decoded_gives_the_bytes(reading, status, cells):
    """The bytes that nobody understands come from the raw blocks."""
    blocks = encode({**reading, "raw_status": status.hex(), "raw_cells": cells.hex()})
    decoded = Decoder(STAGES[-1])(Record(1, *blocks, 0.0))
    assert encode(decoded) == blocks


@given(st.binary(min_size=77, max_size=77), st.binary(min_size=49, max_size=49))
def test_any_bytes_decode_or_raise_a_decode_error(status, cells):
    for stage in STAGES:
        with suppress(DecodeError):
            assert Decoder(stage)(Record(7, status, cells, 5.0))["time"] == 5


@given(READINGS)
def test_each_stage_says_the_same_with_more_or_fewer_keys(reading):
    record = Record(1, *encode(reading), 5.0)
    readings = [Decoder(stage)(record) for stage in STAGES]
    for less, more in pairwise(readings):
        assert less.items() <= more.items()


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
        Decoder("documented")(Record(9, broken, cells, 0.0))
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
    decoded = Decoder("experimental")(Record(1, *encode({**EXAMPLE[0], **levels}), 0.0))
    assert decoded["alarm_status"] == status
    assert decoded["high_voltage_warning"] is bool(words[2] & 8)


def test_a_probe_that_sends_zero_is_not_fitted():
    temps = {"1": 25, "2": None, "3": -39, "4": 0, "5": 215, "6": None}
    _, cells = encode({"temps": temps})
    assert cells[42:48] == bytes([65, 0, 1, 40, 255, 0])
    assert Decoder("extended")(Record(1, *encode({**EXAMPLE[0], "temps": temps}), 0.0))[
        "temps"
    ] == (temps)


def test_blocks_have_the_size_of_their_frames():
    assert (STATUS.size, CELLS.size) == (77, 49)
    assert tuple(map(len, encode({}))) == (77, 49)
