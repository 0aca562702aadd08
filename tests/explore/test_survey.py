"""What is said of each byte, and when it is not to be trusted."""

from __future__ import annotations

import re
from random import Random
from struct import pack_into

from eflexcan2mqtt.explore.charts import page_data
from eflexcan2mqtt.explore.report import report
from eflexcan2mqtt.explore.series import MOST_POINTS
from eflexcan2mqtt.explore.survey import Survey
from eflexcan2mqtt.explore.text import lines
from eflexcan2mqtt.process.memory import resident
from eflexcan2mqtt.protocol.assembler import Record
from eflexcan2mqtt.protocol.blocks import CYCLE_S
from eflexcan2mqtt.protocol.fields import field
from eflexcan2mqtt.protocol.values import Serial
from tests.support.bank import START
from tests.support.planted import HELD, NOISE, SHARED, explored, records

FIRMWARE, BANK, SERIAL = (
    field(key).offset for key in ("software_version", "batteries_in_system", "battery_id")
)
FLAGS = field("charge_relay_status").offset
LIMIT = field("charge_current_limit").offset


def facts(found, title):
    (one,) = (each for each in found.bytes if each.title == title)
    return one


def test_values_are_counted_and_the_first_changes_listed():
    def change(cycle, battery, status):
        status[HELD] = 0x10 if cycle >= 30 else 0

    survey, found = explored(records(1, 2, 100, change))
    seen = facts(found, "STATUS 0B.3")
    assert seen.values == "00 60, 10 140"
    assert seen.changes == 2
    assert [(each.battery, each.before, each.now) for each in seen.first] == [
        (1, 0, 16),
        (2, 0, 16),
    ]
    assert seen.bits == ""
    assert facts(found, "STATUS 0B.4").values == "00 in all"
    assert found.claims == []
    text = "\n".join(lines(survey, found))
    assert "nothing: no unknown byte follows a field or counts" in text
    assert "battery 1 00 to 10" in text
    assert "may be chance" in text


def test_many_values_are_cut_and_bits_told_apart():
    random = Random(1)

    def change(cycle, battery, status):
        status[NOISE] = random.randrange(0x100)

    _, found = explored(records(1, 1, 200, change))
    seen = facts(found, "STATUS 0A.3")
    assert seen.values.endswith(" more values")
    assert seen.bits.startswith("0 ")
    assert "set in " in seen.bits


def test_only_the_free_bits_of_a_claimed_byte_are_looked_at():
    def change(cycle, battery, status):
        status[FLAGS] ^= cycle % 2  # the charge relay's
        status[FLAGS] |= 0x40

    _, found = explored(records(1, 1, 20, change))
    seen = facts(found, "STATUS 02.1, bits F4")
    assert (seen.values, seen.changes) == ("40 in all", 0)


def test_a_constant_of_each_battery_is_no_claim():
    def change(cycle, battery, status):
        status[HELD] = battery % 2
        status[NOISE] = 40 + battery

    _, found = explored(records(1, 14, 20, change))
    assert facts(found, "STATUS 0B.3").constant == "constant of each battery: 00 in 7, 01 in 7"
    assert facts(found, "STATUS 0A.3").constant == (
        "constant of each battery: 14 values in 14 batteries"
    )
    assert found.claims == []


def test_a_constant_of_each_firmware_is_named_with_a_warning_if_the_batteries_differ_too():
    def change(cycle, battery, status):
        pack_into(">H", status, FIRMWARE, 4004 if battery < 3 else 4006)
        status[HELD] = 7 if battery < 3 else 9

    _, found = explored(records(1, 4, 20, change))
    seen = facts(found, "STATUS 0B.3")
    assert seen.constant == "constant of each firmware: 07 with 4004, 09 with 4006"
    assert seen.warning.startswith("no battery was seen with both")


def test_a_constant_of_each_firmware_in_the_same_batteries_has_no_warning_but_its_changes_do():
    def change(cycle, battery, status):
        pack_into(">H", status, FIRMWARE, 4004 if cycle < 50 else 4006)
        status[HELD] = 7 if cycle < 50 else 9

    survey, found = explored(records(1, 2, 100, change))
    seen = facts(found, "STATUS 0B.3")
    assert seen.constant == "constant of each firmware: 07 with 4004, 09 with 4006"
    assert seen.warning.startswith("2 of 2 changes came within a minute of a change of firmware")
    assert any(line.endswith("may be the cause instead") for line in lines(survey, found))
    (byte,) = (each for each in page_data(survey, found)["bytes"] if each["title"] == seen.title)
    assert byte["warning"] == seen.warning
    assert not [note for note in byte["notes"] if seen.warning in note]


def test_batteries_of_two_recordings_with_the_same_made_up_serial_number_are_two():
    made_up = Serial().made_up(0)

    def sent(firmware, value):
        def change(cycle, battery, status):
            status[SERIAL : SERIAL + len(made_up)] = made_up
            pack_into(">H", status, FIRMWARE, firmware)
            status[HELD] = value

        return records(1, 1, 20, change)

    survey = Survey()
    for name, records_of_one in (("a.log", sent(4004, 7)), ("b.log", sent(4006, 9))):
        for record in records_of_one:
            survey.add(record, name)
    survey.end()
    found = report(survey)
    assert len(survey.batteries) == 2
    assert facts(found, "STATUS 0B.3").warning.startswith("no battery was seen with both")
    assert "anew in each recording" in next(lines(survey, found))


def test_a_claim_confounded_by_the_bank_says_so():
    random = Random(2)
    absent = [0]
    for _ in range(600):
        absent.append(absent[-1] ^ (random.random() < 0.04))

    def change(cycle, battery, status):
        status[BANK] -= absent[cycle]
        status[HELD] = absent[cycle]

    survey, found = explored(records(1, 3, 600, change))
    (claim,) = found.claims
    assert claim.sentence.startswith("changes together with batteries_in_system, the other way")
    assert re.match(r"(\d+) of \1 changes came within a minute", claim.warning)
    assert f"     Warning: {claim.warning}" in lines(survey, found)


def test_bits_that_follow_different_fields_are_claims_of_their_own():
    random = Random(3)
    switched = {"relay": 0, "limit": 0}

    def change(cycle, battery, status):
        for name in switched:
            switched[name] ^= random.random() < 0.05
        status[FLAGS] ^= switched["relay"]
        pack_into(">H", status, LIMIT, 300 + 200 * switched["limit"])
        status[HELD] = switched["relay"] << 1 | switched["limit"] << 5

    survey, found = explored(records(1, 1, 900, change))
    titles = {each.title: each.sentence.split(":")[0] for each in found.claims}
    assert titles == {
        "STATUS 0B.3 bit 1": "changes together with charge_relay_status, the other way round",
        "STATUS 0B.3 bit 5": "changes together with charge_current_limit",
    }
    page = page_data(survey, found)
    (byte,) = (each for each in page["bytes"] if each["title"] == "STATUS 0B.3")
    assert [each["name"] for each in byte["related"]] == ["The byte", "Bit 1", "Bit 5"]
    fields = [{known for known, *_ in each["rows"]} for each in byte["related"]]
    assert {"charge_relay_status", "charge_current_limit"} <= fields[0] == fields[1] == fields[2]
    assert any("The page (--html PAGE) has all fields" in line for line in lines(survey, found))
    charts = [each["chart"] for each in page["claims"]]
    assert all(set(chart["values"]) == {0, 1} for chart in charts)


def test_a_bit_of_a_byte_that_is_one_number_is_no_claim_of_its_own():
    random = Random(3)
    state = {"limit": 0, "relay": 0}

    def change(cycle, battery, status):
        if random.random() < 0.1:
            state["limit"] = random.randrange(8)
        state["relay"] ^= random.random() < 0.025
        status[FLAGS] ^= state["relay"]
        pack_into(">H", status, LIMIT, 300 + state["limit"])
        status[HELD] = state["limit"] << 1 | state["relay"]

    _, found = explored(records(1, 1, 1200, change))
    assert [each.title for each in found.claims] == ["STATUS 0B.3"]
    seen = facts(found, "STATUS 0B.3")
    assert seen.of_bits[0][0].known.key == "charge_relay_status"
    assert seen.of_bits[0][0].claimed


def test_a_byte_may_change_before_a_field():
    random = Random(4)
    state = [0] * 700
    for at in range(1, 700):
        state[at] = state[at - 1] ^ (random.random() < 0.05)

    def change(cycle, battery, status):
        status[FLAGS] ^= state[cycle]
        status[SHARED] = state[cycle + 1]

    _, found = explored(records(1, 1, 690, change))
    (claim,) = found.claims
    assert claim.sentence.startswith("changes 1 cycle (1 s) before charge_relay_status")


def test_what_follows_a_long_pause_follows_nothing_and_lost_readings_do_not_shift_a_lag():
    random = Random(5)
    state = [0] * 1000
    for at in range(1, 1000):
        state[at] = state[at - 1] ^ (random.random() < 0.05)

    def change(cycle, battery, status):
        status[FLAGS] ^= state[cycle]
        status[HELD] = state[max(0, cycle - 4)]
        status[NOISE] = cycle >= 500

    sent = [each for at, each in enumerate(records(1, 1, 900, change)) if at % 7]
    late = [each._replace(time=each.time + 600) for each in sent[400:]]
    _, found = explored(sent[:400] + late)
    assert found.claims[0].sentence.startswith("changes 4 cycles (4 s) after charge_relay_status")
    assert facts(found, "STATUS 0A.3").changes == 1


def test_records_without_a_serial_number_are_counted():
    def change(cycle, battery, status):
        if cycle == 3:
            status[SERIAL + 4] = 0

    survey, found = explored(records(1, 2, 20, change))
    assert (survey.readings, survey.undecodable) == (38, 2)
    assert ", 2 without a serial number" in next(lines(survey, found))


def test_memory_and_charts_are_as_large_after_six_hours_as_after_one():
    """Of a battery with noise in four bytes; the records are the same ones again and again."""
    random = Random(6)
    some = list(records(1, 1, 60))
    survey, used = Survey(), []
    hour = round(3600 / CYCLE_S)
    for cycle in range(6 * hour):
        status = bytearray(some[cycle % 60].status)
        if cycle % 16 == 0:
            status[63:67] = random.randbytes(4)
        time = START + cycle * CYCLE_S
        survey.add(Record(1, bytes(status), some[cycle % 60].cells, time))
        if (cycle + 1) % hour == 0:
            used.append(resident())
    assert used[-1] - used[0] < 2_000_000
    survey.end()
    charts = [each["chart"] for each in page_data(survey, report(survey))["bytes"] if each["chart"]]
    assert [len(each["time"]) for each in charts] == [667] * 4
    assert MOST_POINTS / 2 <= 667 < MOST_POINTS
