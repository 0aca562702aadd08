"""Passwords are never shown, and must be where others cannot read them; keys and certificates."""

from __future__ import annotations

import pytest

from eflexcan2mqtt.settings import secrets
from eflexcan2mqtt.settings.load import load
from eflexcan2mqtt.settings.schema import SECTIONS, settings
from eflexcan2mqtt.settings.secrets import CREDENTIAL

from ..support.certificates import make_certificate
from ..support.faults import seen


def test_a_password_is_never_shown(complaints):
    text = "[mqtt]\nusername = me\npassword = geheim\npassword = geheim2\npassword geheim\n"
    assert "geheim" not in str(complaints(text))


def test_a_password_comes_from_its_file_beside_the_ini(write):
    path = write("[mqtt]\nusername = me\npassword_file = secret.txt\n")
    (path.parent / "secret.txt").write_text("geheim %$\n")
    config = load(path)
    assert config.mqtt.password == "geheim %$"
    assert "geheim" not in repr(config)


def test_a_password_file_must_be_readable_and_the_only_source(complaints, tmp_path):
    (tmp_path / "bad.txt").write_bytes(b"\xff")
    missing, both, bad = (
        complaints(f"[mqtt]\nusername = me\n{lines}")
        for lines in (
            "password_file = gone.txt",
            "password = geheim\npassword_file = bad.txt",
            "password_file = bad.txt",
        )
    )
    assert missing == [
        "x.ini:3: [mqtt] password_file: "
        "expected the name of a file that can be read: No such file or directory"
    ]
    assert both[0].endswith("password_file: expected a file in UTF-8")
    assert both[1].endswith(
        "password_file: expected either password (line 3) or password_file, not both"
    )
    assert bad == ["x.ini:3: [mqtt] password_file: expected a file in UTF-8"]


@pytest.mark.parametrize(
    ("text", "exposed"),
    [
        ("username = me\npassword = geheim", ["x.ini"]),
        ("username = me\npassword_file = secret.txt", ["secret.txt"]),
        ("username = me", []),
    ],
)
def test_secrets_that_all_users_may_read_are_found(write, text, exposed):
    path = write(f"[mqtt]\n{text}\n")
    secret = path.parent / "secret.txt"
    secret.write_text("geheim")
    for mode, expected in ((0o644, exposed), (0o600, [])):
        path.chmod(mode)
        secret.chmod(mode)
        assert [each.name for each in secrets.exposed(path, load(path))] == expected


def test_the_remedy_for_an_exposed_secret_does_not_lock_the_service_out(tmp_path):
    own, service = tmp_path / "x.ini", secrets.SERVICE_INI
    assert secrets.warning(own, own).endswith(f": run `chmod 600 {own}`")
    move = f": move the password to {secrets.PASSWORD_PATH}"
    assert secrets.warning(service, service).endswith(move)
    key = tmp_path / "client.key"
    assert secrets.warning(key, own).endswith(f": run `chmod 600 {key}`")
    assert f"`LoadCredential=client.key:{key}`" in secrets.warning(key, service)
    own = secrets.PASSWORD_PATH  # systemd reads it as root
    assert secrets.warning(own, service).endswith(f": run `chmod 600 {own}`")
    barn = service.with_name("eflexcan2mqtt-barn.ini")
    assert secrets.warning(barn, barn).endswith(f"{move}, which all banks use")
    assert "`sudo systemctl edit eflexcan2mqtt@barn.service`" in secrets.warning(key, barn)
    elsewhere = tmp_path / barn.name
    assert secrets.warning(key, elsewhere).endswith(f": run `chmod 600 {key}`")
    link = tmp_path / "link.ini"
    link.symlink_to(service)
    assert secrets.warning(link, link).endswith(move)


def test_a_bank_that_kept_its_copy_of_the_unit_is_told_about_that_one(tmp_path):
    barn = tmp_path / "eflexcan2mqtt-barn.ini"
    assert secrets.service(barn) == "eflexcan2mqtt@barn.service"
    copy = tmp_path / "systemd/system/eflexcan2mqtt-barn.service"
    copy.parent.mkdir(parents=True)
    copy.touch()
    assert secrets.service(barn) == "eflexcan2mqtt-barn.service"
    assert secrets.service(tmp_path / "eflexcan2mqtt-shed.ini") == "eflexcan2mqtt@shed.service"


def test_the_service_gets_its_password_as_a_credential(write, tmp_path, monkeypatch):
    monkeypatch.setenv("CREDENTIALS_DIRECTORY", str(tmp_path))
    path = write("[mqtt]\nusername = me\n")
    assert load(path).mqtt.password == ""
    (tmp_path / CREDENTIAL).write_text("geheim\n")
    assert load(path).mqtt.password == "geheim"
    assert load(write("[mqtt]\nusername = me\npassword = other\n")).mqtt.password == "other"


def test_root_checks_with_the_password_of_the_service(write, tmp_path):
    path = write("[mqtt]\nusername = me\n")
    password = tmp_path / "password"
    password.write_text("geheim\n")
    password.chmod(0o600)
    assert load(path).mqtt.password == "geheim"
    assert secrets.exposed(path, load(path)) == []
    password.chmod(0o644)
    assert secrets.exposed(path, load(path)) == [password]


def test_a_password_of_the_service_must_be_text(complaints, tmp_path):
    (tmp_path / "password").write_bytes(b"p\xe4ss")
    [found] = complaints("[mqtt]\nusername = me\n")
    assert found.startswith("x.ini:2: [mqtt] username: expected a password in UTF-8 in ")


def test_certificates_must_be_certificates(complaints, tmp_path):
    (tmp_path / "ca.pem").write_text("no certificate")
    found = complaints("[mqtt]\ntls = yes\ntls_ca = ca.pem\ntls_cert = ca.pem\ntls_key = ca.pem\n")
    assert [each.split(": expected")[0] for each in found] == [
        "x.ini:3: [mqtt] tls_ca",
        "x.ini:4: [mqtt] tls_cert",
    ]


def test_a_good_authority_is_found_beside_the_ini(write):
    path = write("[mqtt]\ntls = yes\ntls_ca = ca.crt\n")
    make_certificate(path.parent, "ca")
    assert load(path).mqtt.tls_ca == str(path.parent / "ca.crt")


def test_a_key_needs_its_certificate(complaints, tmp_path):
    (tmp_path / "us.key").write_text("x")
    assert complaints("[mqtt]\ntls = yes\ntls_key = us.key\n") == [
        "x.ini:3: [mqtt] tls_key: expected tls_cert to be set as well"
    ]


@pytest.mark.parametrize("section", SECTIONS)
def test_a_password_typed_into_another_key_is_not_shown(complaints, section):
    for key in settings(section):
        for secret in ("G3h#im secret", "geheim", "12345678", "mqtt://geheim", "a:geheim@b"):
            text = f"[{section}]\n{key} = {secret}\n{key}{secret} = x\n"
            shown = "\n".join(complaints(text)).replace(f"{key}{secret}".split()[0].lower(), "")
            assert secret not in shown
            assert "geheim" not in shown


@pytest.mark.parametrize("password", ["geheim", "483920", "12-34-56", "abc", "0x1F"])
def test_a_password_in_the_line_of_the_port_is_not_shown(complaints, password):
    [found] = complaints(f"[mqtt]\nport = {password}\n")
    assert found == "x.ini:2: [mqtt] port: expected a whole number from 1 to 65535"
    seen("a password in the line of another setting", found)
