"""[web] says where the page is, who may see it and embed it."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from eflexcan2mqtt.settings import secrets, web
from eflexcan2mqtt.settings.load import load


@pytest.mark.parametrize(
    ("listen", "used"),
    [
        ("", ""),
        ("127.0.0.1:8080", "127.0.0.1:8080"),
        ("[::1]:80", "[::1]:80"),
        ("[::]:8080", "[::]:8080"),
        ("::1:8080", "[::1]:8080"),
        ("pi.lan:8080", "pi.lan:8080"),
    ],
)
def test_the_page_listens_on_an_address_or_nowhere(write, listen, used):
    assert load(write(f"[web]\nlisten = {listen}\n")).web.listen == used


@pytest.mark.parametrize(
    "listen",
    [
        "*:8080",
        "8080",
        ":8080",
        "127.0.0.1",
        "127.0.0.1:0",
        "127.0.0.1:65536",
        "a:b:80",
        "[pi]:80",
        "[::1:8080",
        "[::1]",
        "http://127.0.0.1:8080",
    ],
)
def test_what_is_no_address_is_a_complaint_that_says_what_to_write(complaints, listen):
    [found] = complaints(f"[web]\nlisten = {listen}\n")
    assert found.startswith("x.ini:2: [web] listen")
    assert found.endswith(
        ": expected an address and a port, like 127.0.0.1:8080 for this machine or "
        "0.0.0.0:8080 for the whole network"
    )


@pytest.mark.parametrize(
    ("names", "expected"),
    [
        ("", ()),
        ("eflex.lan, Solar.Example.org.", ("eflex.lan", "solar.example.org")),
        ("eflex.lan solar_2", ("eflex.lan", "solar_2")),
        ("bücher.example,", ("xn--bcher-kva.example",)),
    ],
)
def test_names_are_as_browsers_send_them(write, names, expected):
    assert load(write(f"[web]\nnames = {names}\n")).web.names == expected


@pytest.mark.parametrize("names", ["http://pi", "pi:8080", "*", "*.lan", "a..b", "pi,;x", "-"])
def test_what_is_no_name_is_a_complaint(complaints, names):
    [found] = complaints(f"[web]\nnames = {names}\n")
    assert found.startswith("x.ini:2: [web] names")
    assert found.endswith("expected host names without http:// and port, like eflex.lan")


@pytest.mark.parametrize(
    ("pages", "expected"),
    [
        ("", ()),
        ("http://homeassistant.local:8123/", ("http://homeassistant.local:8123",)),
        ("https://*.example.org, HA.lan", ("https://*.example.org", "ha.lan")),
        ("http://[::1]:8123 http://10.0.0.1", ("http://[::1]:8123", "http://10.0.0.1")),
    ],
)
def test_pages_may_embed_ours(write, pages, expected):
    assert load(write(f"[web]\nframe_ancestors = {pages}\n")).web.frame_ancestors == expected


@pytest.mark.parametrize(
    "pages", ["*", "http://ha/lovelace", "ha; script-src *", "ftp://ha", "'x'"]
)
def test_what_cannot_embed_is_a_complaint(complaints, pages):
    [found] = complaints(f"[web]\nframe_ancestors = {pages}\n")
    assert "expected pages without a path, like http://homeassistant.local:8123" in found


@given(st.text())
def test_no_text_adds_to_the_policy_of_the_page(text):
    try:
        found = web.frame_ancestors(text)
    except ValueError:
        return
    assert not set(";, '\r\n") & set("".join(found))


def test_the_password_of_the_page_is_in_a_file(write, tmp_path):
    (tmp_path / "page").write_bytes(b"\xef\xbb\xbfgeheim:x\n")
    (tmp_path / "page").chmod(0o644)
    path = write("[web]\npassword_file = page\n")
    config = load(path)
    assert (config.web.username, config.web.password) == ("eflex", "geheim:x")
    assert "geheim" not in repr(config)
    assert secrets.exposed(path, config) == [tmp_path / "page"]


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("username = me", "2: [web] username: expected password_file to be set as well"),
        (
            "password_file = x.ini\nusername = m:e",
            "3: [web] username: expected a name without a colon",
        ),
        ("password = geheim", "2: [web] password: unknown setting; did you mean 'password_file'?"),
        (
            "password_file = empty",
            "2: [web] password_file: expected a password in this file; it is empty",
        ),
        (
            "password_file = gone",
            "2: [web] password_file: expected the name of a file that can be read: "
            "No such file or directory",
        ),
    ],
)
def test_a_page_is_never_open_by_mistake(complaints, tmp_path, text, complaint):
    (tmp_path / "empty").write_bytes(b"\n")
    assert complaints(f"[web]\n{text}\n") == [f"x.ini:{complaint}"]


def test_the_bank_has_a_name_that_fits_a_line(write):
    assert load(write("[web]\ntitle = Cabin, south roof\n")).web.title == "Cabin, south roof"
    assert load(write("")).web.title == "eFlex bank"
    for wrong in ("", "x" * 41):
        with pytest.raises(ValueError, match="expected a name of 1 to 40 characters"):
            web.title(wrong)
