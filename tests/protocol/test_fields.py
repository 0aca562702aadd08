"""The field table is sound."""

from __future__ import annotations

import re
from collections import Counter
from pathlib import Path
from struct import calcsize

import pytest

from eflexcan2mqtt.protocol import fields
from eflexcan2mqtt.protocol.blocks import BLOCKS, PAYLOAD_BYTES, STATUS
from eflexcan2mqtt.protocol.fields import FIELDS, STAGES, Derived, Field, shown

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


def bits(field: Field) -> list[tuple[str, int, int]]:
    size = calcsize("=" + field.format)
    masks = [field.mask] if field.mask else [0xFF] * size
    return [
        (field.block.name, field.offset + index, bit)
        for index, mask in enumerate(masks)
        for bit in range(8)
        if mask >> bit & 1
    ]


def claimed() -> Counter[tuple[str, int, int]]:
    return Counter(bit for each in SENT for bit in bits(each))


def test_keys_are_unique():
    assert [key for key, n in Counter(each.key for each in FIELDS).items() if n > 1] == []


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


def test_every_field_says_what_it_is_and_how_well_that_is_known():
    evidence = (fields.CONFIRMED, fields.DERIVED, fields.REPORTED, fields.HYPOTHESIS)
    for each in FIELDS:
        assert each.meaning, each.key
        assert each.evidence in evidence, each.key


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


def test_the_ruler_marks_exactly_the_bytes_that_no_field_claims():
    """Above the table: a letter under each byte that is understood, ?? or .. under the rest."""
    source = Path(fields.__file__).read_text()
    found: list[tuple[str, int]] = []
    block, frame = "", 0
    for line in source.splitlines():
        if title := re.fullmatch(r"#   (STATUS|CELLS)", line):
            block, frame = title[1], 0
        elif block and (marks := re.match(r"#      ((?:(?:\w |\?\?|\.\.) ?){7})", line + "  ")):
            for index in range(PAYLOAD_BYTES):
                if marks[1][3 * index : 3 * index + 2] in ("??", ".."):
                    found.append((block, frame * PAYLOAD_BYTES + index))
            frame += 1
    taken = {(name, offset) for name, offset, _ in claimed()}
    unclaimed = [
        (each.name, offset)
        for each in BLOCKS
        for offset in range(each.size)
        if (each.name, offset) not in taken
    ]
    assert found == unclaimed
    assert len(unclaimed) < STATUS.size / 2


def test_a_field_is_found_by_its_key():
    assert fields.field("battery_soc").unit == "%"
    with pytest.raises(KeyError):
        fields.field("time")
