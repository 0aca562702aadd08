"""The Home Assistant app fits the documented schema, and offers the settings of the program.

The keys, types and patterns below are those of its documentation, "App configuration", in November
2026.
"""

from __future__ import annotations

import re
import struct
from pathlib import Path

import pytest
import yaml

from eflexcan2mqtt import __version__
from eflexcan2mqtt.settings import can_options
from eflexcan2mqtt.settings.schema import SECTIONS, settings

REPOSITORY = Path(__file__).parents[1] / "packaging" / "homeassistant-app"
APP = REPOSITORY / "eflexcan2mqtt"
CONFIG = yaml.safe_load((APP / "config.yaml").read_text())
TRANSLATIONS = yaml.safe_load((APP / "translations" / "en.yaml").read_text())["configuration"]

REQUIRED = {"name": str, "version": str, "slug": str, "description": str, "arch": list}
OPTIONAL = {
    **dict.fromkeys(("host_network", "tmpfs"), bool),
    **dict.fromkeys(("services", "map", "backup_exclude", "privileged"), list),
    **dict.fromkeys(("options", "schema"), dict),
}
ARCHITECTURES = {"aarch64", "amd64"}
ELEMENT = re.compile(
    r"(bool|port|str|password|device\(subsystem=[a-z]+\)|list\(.+\)"
    r"|(int|float)\(-?[\d.]*,-?[\d.]*\))\?"
)

GROUPS = {name: group for name, group in CONFIG["schema"].items() if isinstance(group, dict)}
SINGLE = CONFIG["schema"].keys() - GROUPS.keys()
OPTIONS = {(section, key): kind for section, group in GROUPS.items() for key, kind in group.items()}

NO_OPTION = {
    ("can", "bitrate"),  # serial adapters alone, and the batteries have one bit rate
    ("logging", "log_dir"),  # the log is Home Assistant's
    ("logging", "profile"),
    ("mqtt", "password_file"),  # the app writes it
    ("mqtt", "tls_cert"),  # its key could not be read: files in /ssl belong to root
    ("mqtt", "tls_key"),
    ("spool", "directory"),  # /data/spool
    ("storage", "directory"),
    ("web", "password_file"),  # the app writes it
}
OF_THE_APP = {("web", "password")}  # a setting that only has a file


def test_the_configuration_has_the_documented_keys_and_types():
    known = {**REQUIRED, **OPTIONAL}
    assert REQUIRED.keys() <= CONFIG.keys() <= known.keys()
    for key, value in CONFIG.items():
        assert isinstance(value, known[key]), key
    assert set(CONFIG["arch"]) == ARCHITECTURES
    assert CONFIG["services"] == ["mqtt:want"]
    assert re.fullmatch(r"[-_.A-Za-z0-9]+", CONFIG["slug"])


def test_the_app_is_of_this_version():
    assert CONFIG["version"] == __version__


def test_the_app_asks_for_no_privilege_until_the_owner_removes_two_signs():
    assert CONFIG["host_network"] is True
    assert CONFIG.keys().isdisjoint({"privileged", "full_access", "apparmor", "hassio_api", "uart"})
    text = (APP / "config.yaml").read_text()
    given = yaml.safe_load(text.replace("# privileged", "privileged").replace("#   -", "  -"))
    assert given == {**CONFIG, "privileged": ["NET_ADMIN"]}


@pytest.mark.parametrize("option", OPTIONS, ids=".".join)
def test_an_option_has_a_documented_type_and_a_setting(option):
    section, key = option
    assert ELEMENT.fullmatch(OPTIONS[option])
    interfaces = ("socketcand", "udp_multicast")
    assert (
        key in settings(section)
        or option in OF_THE_APP
        or (section == "can" and any(can_options.parser(each, key) for each in interfaces))
    )


def test_every_setting_is_an_option_or_named_as_none():
    there = {(section, key) for section in SECTIONS for key in settings(section)}
    assert there - OPTIONS.keys() == NO_OPTION


@pytest.mark.parametrize("option", OPTIONS, ids=".".join)
def test_what_can_be_chosen_is_valid(option):
    section, key = option
    if found := re.fullmatch(r"list\((.+)\)\?", OPTIONS[option]):
        for choice in found[1].split("|"):
            settings(section)[key].metadata["parse"](choice)


def test_all_groups_have_defaults_that_their_schema_knows():
    assert CONFIG["options"].keys() == GROUPS.keys()
    for section, values in CONFIG["options"].items():
        assert values.keys() <= GROUPS[section].keys()


def test_every_option_has_a_name_and_a_description():
    assert TRANSLATIONS.keys() == CONFIG["schema"].keys()
    texts = [*TRANSLATIONS.values()]
    for section, group in GROUPS.items():
        assert TRANSLATIONS[section]["fields"].keys() == group.keys()
        texts += TRANSLATIONS[section]["fields"].values()
    for text in texts:
        assert text["name"]
        assert text["description"].endswith(".")


def test_the_documentation_has_the_options_that_are_no_settings():
    text = (APP / "DOCS.md").read_text()
    assert {each for each in SINGLE if f"| `{each}` |" in text} == SINGLE


def test_the_repository_names_itself():
    repository = yaml.safe_load((REPOSITORY / "repository.yaml").read_text())
    assert "name" in repository
    assert repository.keys() <= {"name", "url", "maintainer"}


@pytest.mark.parametrize(("name", "size"), [("icon", (128, 128)), ("logo", (250, 100))])
def test_the_pictures_have_the_recommended_size(name, size):
    picture = (APP / f"{name}.png").read_bytes()
    assert picture.startswith(b"\x89PNG\r\n\x1a\n")
    assert struct.unpack(">II", picture[16:24]) == size
    assert len(picture) < 20_000
