"""cantools, which knows nothing of us, decodes with the DBC file what we decode."""

from __future__ import annotations

import re
import warnings
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from string import ascii_letters

import cantools
import pytest
from cantools.database.namedsignalvalue import NamedSignalValue
from hypothesis import given
from hypothesis import strategies as st

from eflexcan2mqtt.protocol.assembler import Assembler, Record
from eflexcan2mqtt.protocol.blocks import (
    BATTERIES,
    BLOCKS,
    CELLS,
    CYCLE_S,
    OUR_IDS,
    PAYLOAD_BYTES,
    STATUS,
    Frame,
    burst,
)
from eflexcan2mqtt.protocol.dbc import MARKER, NOT_FITTED, UNKNOWN, dbc
from eflexcan2mqtt.protocol.decode import decode
from eflexcan2mqtt.protocol.fields import CONFIRMED, FIELDS, HYPOTHESIS, Field, field
from eflexcan2mqtt.protocol.values import (
    Choice,
    Letter,
    Numbers,
    Probes,
    Serial,
    Tenths,
)
from eflexcan2mqtt.sources import faults, simulator
from eflexcan2mqtt.sources.recording import Recording
from tests.support.bank import START
from tests.test_captures import LOGS

SENT = [each for each in FIELDS if isinstance(each, Field)]
WRONG = "relay_open:1@2s, alarm1:2@3s, alarm3:3@3s, hot:4@2s, cold:5@2s, cell_low:6:4@1s"


@pytest.fixture(scope="module")
def database():
    """As cantools reads it where it is strict: no signals overlap, all fit, and nothing warns."""
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        made = cantools.database.load_string(dbc(), database_format="dbc", strict=True)
    return Database(made)


class Database:
    """cantools' database, too long to be shown when a test fails."""

    __repr__ = object.__repr__

    def __init__(self, made):
        self.messages = made.messages
        self.by_id = {each.frame_id: each for each in made.messages}
        self.by_name = {each.name: each for each in made.messages}


def frames_of(recording) -> Iterator[Frame]:
    if isinstance(recording, Path):
        return (each for each in Recording(str(recording)) if isinstance(each, tuple))
    number, wrong = recording
    return islice(
        simulator.frames(number, START, faults=faults.parse(wrong, number) if wrong else ()),
        number * simulator.FRAMES_PER_BURST * 6,
    )


def shown(field: Field, signals: dict):
    """What cantools makes of a field, as our JSON has it."""
    one = field.key.removesuffix("s")
    match field.value:
        case Numbers():
            cells = range(1, int(field.format[:-1]) + 1)
            # A cell in two frames is the sum of both parts.
            return [
                signals[f"{one}_{cell}"]
                if f"{one}_{cell}" in signals
                else signals[f"{one}_{cell}_low"] + signals[f"{one}_{cell}_high"]
                for cell in cells
            ]
        case Probes():
            probes = {str(n): signals[f"{one}_{n}"] for n in range(1, int(field.format[:-1]) + 1)}
            return {n: None if value == NOT_FITTED else value for n, value in probes.items()}
        case Serial():
            year, month, number, line, letter, count = (
                signals[f"{field.key}_{name}"] for name, _ in field.value.parts
            )
            return f"{year:02x}{month:02x}{number}{line:02x}{letter}{count:04d}"
        case Tenths():
            return round(signals[field.key], 1)
        case Choice() | Letter():
            return str(signals[field.key])
        case _:
            value = signals[field.key]
            return value.value if isinstance(value, NamedSignalValue) else value


def compared(database, frames) -> int:
    """Compare each reading with what cantools makes of its frames; return how many there were."""
    signals: dict[str, dict] = {}

    def watched():
        for can_id, data, time in frames:
            message = database.by_id[can_id]
            found = message.decode(data)
            assert found[MARKER] == data[0]
            signals.setdefault(message.name, {}).update(found)
            yield can_id, data, time

    records = 0
    for record in Assembler().events(watched()):
        if isinstance(record, Record):
            records += 1
            reading = decode(record)
            for field in SENT:
                found = signals[f"{field.block.name}_{record.battery}"]
                assert shown(field, found) == reading[field.key], field.key
    return records


@pytest.mark.parametrize(
    "recording",
    [*LOGS, (1, ""), (14, ""), (6, WRONG)],
    ids=lambda value: value.name if isinstance(value, Path) else f"simulator:{value[0]}",
)
def test_cantools_decodes_every_frame_to_our_values(database, recording):
    """As the JSON has them: after rounding to the field's digits."""
    assert compared(database, frames_of(recording))


SERIAL = field("battery_id")
HARDWARE = field("hardware_version")


@given(
    st.sampled_from(BATTERIES),
    st.binary(min_size=STATUS.size, max_size=STATUS.size),
    st.binary(min_size=CELLS.size, max_size=CELLS.size),
    st.from_regex(r"[0-9]{4}(1?[1-9][0-9]|[0-9])[0-9]{2}[A-Za-z][0-9]{4}", fullmatch=True),
    st.sampled_from(ascii_letters),
)
def test_it_does_so_for_any_bytes(database, battery, status, cells, serial, hardware):
    bytes_ = bytearray(status)
    bytes_[0] = battery
    bytes_[SERIAL.offset : SERIAL.offset + 7] = Serial().encode(serial)
    bytes_[HARDWARE.offset] = ord(hardware)
    burst_ = burst(battery, bytes(bytes_), cells)
    assert compared(database, [(*each, START) for each in burst_]) == 1


def test_a_value_that_a_battery_does_not_know_has_a_word(database):
    data = bytes.fromhex("06 00 00 FF FF 00 00 00")
    assert database.by_id[0x101].decode(data)["insulation_resistance"] == UNKNOWN


def test_every_id_and_every_marker_is_in_it(database):
    assert {each.frame_id for each in database.messages} == OUR_IDS
    for block in BLOCKS:
        for battery in range(1, 16):
            message = database.by_name[f"{block.name}_{battery}"]
            assert message.frame_id == block.base_id + battery
            assert message.length == 1 + PAYLOAD_BYTES
            assert message.cycle_time == round(CYCLE_S * 1000)
            multiplexed = [each for each in message.signals if not each.is_multiplexer]
            assert {each.multiplexer_ids[0] for each in multiplexed} == set(block.markers)


def test_every_bit_belongs_to_one_signal(database):
    """Also those that nobody understands: so they can be plotted."""
    for message in database.messages[::15]:
        bits = sum(each.length for each in message.signals if not each.is_multiplexer)
        block = next(each for each in BLOCKS if message.name.startswith(each.name))
        assert bits == 8 * block.size


def test_units_words_and_evidence_come_along(database):
    status = database.by_name["STATUS_15"]
    cells = database.by_name["CELLS_15"]
    current = status.get_signal_by_name("battery_current")
    assert (current.unit, current.is_signed) == ("A", True)
    assert (current.minimum, current.maximum) == (-3276.8, 3276.7)
    assert CONFIRMED in current.comment
    assert "negative while discharging" in current.comment
    assert HYPOTHESIS in status.get_signal_by_name("state_of_health").comment
    relay = status.get_signal_by_name("charge_relay_status")
    assert relay.choices == {0: "Break", 1: "Make"}
    assert cells.get_signal_by_name("temp_1").unit == "degC"
    for cell in (4, 11):
        high = cells.get_signal_by_name(f"cell_voltage_{cell}_high")
        assert high.scale == 256
        assert f"has cell_voltage_{cell}_low + cell_voltage_{cell}_high" in high.comment


# The patterns by which SavvyCAN reads these lines; it drops those that do not fit.
NUMBER = r"[0-9.+\-eE]+"
SAVVYCAN = {
    "BO_": r"BO_ (\w+) (\w+) *: (\w+) (\w+)",
    "SG_": rf"SG_ *\w+ +(M|m\d+) *: *\d+\|\d+@\d+[+-] \({NUMBER},{NUMBER}\) "
    rf'\[{NUMBER}\|{NUMBER}\] "[^"]*" Vector__XXX',
    "CM_": r'CM_ (BO_ \d+|SG_ \d+ \w+) "[^"]*";',
    "VAL_": r'VAL_ \w+ \w+( \d+ "[^"]*")+ ;',
    "BA_": r'BA_ "\w+" BO_ \d+ \w+;',
    "BA_DEF_": r'BA_DEF_ BO_ "\w+" INT \d+ \d+;',
    "BA_DEF_DEF_": r'BA_DEF_DEF_ "\w+" \w+;',
}


def test_each_line_is_one_that_savvycan_reads():
    kinds = set()
    for line in filter(None, dbc().splitlines()[7:]):
        kind = line.split()[0]
        kinds.add(kind)
        assert re.fullmatch(SAVVYCAN[kind], line.strip()), line
    assert kinds == set(SAVVYCAN)


def test_names_numbers_and_letters_are_those_that_every_program_takes(database):
    """A DBC has C identifiers of 32 characters, a plug-in for Wireshark numbers of 32 bits."""
    assert dbc().isascii()
    for message in database.messages:
        names = [message.name, *(each.name for each in message.signals)]
        assert len({name.lower() for name in names}) == len(names)
        for name in names:
            assert re.fullmatch(r"[A-Za-z][A-Za-z0-9_]{0,31}", name)
        assert max(each.length for each in message.signals) <= 32
