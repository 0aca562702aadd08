"""The field table is sound."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from itertools import count
from pathlib import Path
from struct import calcsize
from typing import NamedTuple, get_type_hints

import pytest

from eflexcan2mqtt.protocol import fields
from eflexcan2mqtt.protocol.assembler import Record
from eflexcan2mqtt.protocol.blocks import BLOCKS, STATUS
from eflexcan2mqtt.protocol.decode import decode
from eflexcan2mqtt.protocol.fields import FIELDS, STAGES, Derived, Field, field, shown
from eflexcan2mqtt.protocol.reading import Reading

DOCUMENTED = [
    *("battery_id", "battery_number", "batteries_in_system", "battery_soc", "battery_voltage"),
    *("battery_current", "system_average_voltage", "pre_volt", "insulation_resistance"),
    *("software_version", "hardware_version", "lifetime_discharge_energy", "cell_voltages"),
]
EXTENDED = [
    *("max_cell_voltage", "max_cell_voltage_num", "min_cell_voltage", "min_cell_voltage_num"),
    *("alarm_status", "charge_relay_status", "discharge_relay_status", "precharge_relay_status"),
    *("temps", "charge_current_limit", "max_temp", "min_temp", "average_temp"),
]

SENT = [each for each in FIELDS if isinstance(each, Field)]


def bits(of: Field) -> list[tuple[str, int, int]]:
    size = calcsize("=" + of.format)
    masks = [of.mask] if of.mask else [0xFF] * size
    return [
        (of.block.name, of.offset + index, bit)
        for index, mask in enumerate(masks)
        for bit in range(8)
        if mask >> bit & 1
    ]


def claimed() -> Counter[tuple[str, int, int]]:
    return Counter(bit for each in SENT for bit in bits(each))


def test_keys_are_unique():
    assert [key for key, n in Counter(each.key for each in FIELDS).items() if n > 1] == []


def test_a_reading_has_the_keys_in_the_order_of_the_table():
    assert list(get_type_hints(Reading)) == [each.key for each in FIELDS]


def test_no_bit_is_claimed_twice():
    assert [bit for bit, n in claimed().items() if n > 1] == []


def test_nothing_reaches_past_the_end_of_its_block():
    for each in SENT:
        assert each.offset + calcsize("=" + each.format) <= each.block.size, each.key


def test_what_is_derived_follows_from_what_is_there():
    known = {each.key for each in SENT} | {block.name for block in BLOCKS} | {fields.TIME}
    for each in FIELDS:
        if isinstance(each, Derived):
            assert set(each.of) <= known, each.key


def test_every_field_says_what_it_is_how_well_that_is_known_and_from_where():
    evidence = (fields.CONFIRMED, fields.DERIVED, fields.REPORTED, fields.HYPOTHESIS)
    for each in FIELDS:
        assert each.meaning, each.key
        assert each.evidence in evidence, each.key
        assert each.source, each.key


def test_no_guess_is_shown_before_the_experimental_stage():
    for each in shown("extended"):
        assert each.evidence != fields.HYPOTHESIS, each.key


@pytest.mark.parametrize(
    ("stage", "keys"),
    [
        ("documented", [*DOCUMENTED, "time"]),
        ("extended", [*DOCUMENTED, *EXTENDED, "time"]),
    ],
)
def test_a_stage_shows_its_keys_in_the_order_of_the_contract(stage, keys):
    assert [each.key for each in shown(stage)] == keys


def test_the_experimental_stage_adds_to_the_extended_one():
    keys = [each.key for each in shown("experimental")]
    assert keys[: len(DOCUMENTED) + len(EXTENDED)] == DOCUMENTED + EXTENDED
    assert {"alarm_level_1", "alarm_level_2", "alarm_level_3", "raw_status", "raw_cells"} < set(
        keys
    )
    assert keys[-1] == "time"
    assert len(keys) == len(FIELDS)
    assert STAGES[-1] == "experimental"


class Byte(NamedTuple):
    """A byte of the ruler: where it is, what was sent, and the mark below it."""

    block: str
    offset: int
    sent: int
    mark: str


def ruler() -> Iterator[Byte]:
    """The bytes of the ruler above the table."""
    block, offsets, row = "", count(), ""
    for line in Path(fields.__file__).read_text().splitlines():
        if title := re.fullmatch(r"#   (STATUS|CELLS)", line):
            block, offsets = title[1], count()
        elif block and re.match(r"#   [0-9A-F]{2} ", line):
            row = line[7:27]
        elif block and re.match(r"#      \S", line):
            for sent, mark in zip(row.split(), line[7:28].split(), strict=True):
                yield Byte(block, next(offsets), int(sent, 16), mark)


def letters() -> dict[tuple[str, int], str]:
    """The letter of each byte that a field claims, from the table."""
    return {(name, offset): each.letter for each in SENT for name, offset, _ in bits(each)}


def test_the_ruler_has_the_letters_of_the_table():
    """A letter under each byte that is understood, ?? or .. under the others."""
    known = letters()
    assert [(byte.block, byte.offset) for byte in ruler()] == [
        (block.name, offset) for block in BLOCKS for offset in range(block.size)
    ]
    for byte in ruler():
        letter = known.get((byte.block, byte.offset))
        assert byte.mark == letter if letter else byte.mark in ("??", ".."), byte


def test_a_letter_belongs_to_the_fields_of_one_place():
    places: dict[str, set[tuple[str, int]]] = {}
    for each in SENT:
        places.setdefault(each.letter, set()).add((each.block.name, each.offset))
    assert {letter: found for letter, found in places.items() if len(found) > 1} == {}
    assert all(len(letter) == 1 for letter in places)


def test_the_legend_of_the_ruler_names_the_fields_of_its_letters():
    text = Path(fields.__file__).read_text().partition("# The ruler")[2].partition("RELAY")[0]
    named = dict(re.findall(r"(?<= )(\w) ([a-z]\w+_\w+|temps)\b", text))
    assert len(named) > 20
    for letter, key in named.items():
        assert field(key).letter == letter, key


def test_the_burst_of_the_ruler_decodes():
    blocks = [bytes(byte.sent for byte in ruler() if byte.block == each.name) for each in BLOCKS]
    reading = decode(Record(1, *blocks, 0.0))
    assert (reading["battery_number"], reading["software_version"]) == (1, 4006)


def test_the_unclaimed_bytes_are_those_that_no_field_claims():
    """Bytes 56 to 59 differ from battery to battery."""
    unclaimed = {
        byte.offset: byte.sent
        for byte in ruler()
        if byte.block == STATUS.name and (byte.block, byte.offset) not in letters()
    }
    assert len(unclaimed) < STATUS.size / 2
    assert fields.CHARGE_LIMITED_AT in unclaimed
    same = {
        offset: sent for offset, sent in unclaimed.items() if sent and offset not in range(56, 60)
    }
    assert same == fields.UNCLAIMED_STATUS


def test_a_field_is_found_by_its_key():
    assert field("battery_soc").unit == "%"
    with pytest.raises(KeyError):
        field("time")
