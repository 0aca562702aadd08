"""An INI with a text, and what is said of it."""

from __future__ import annotations

import pytest

from eflexcan2mqtt.settings import secrets
from eflexcan2mqtt.settings.load import ConfigError, load


@pytest.fixture(autouse=True)
def _no_password_of_this_machine(monkeypatch, tmp_path):
    monkeypatch.setattr(secrets, "PASSWORD_PATH", tmp_path / "password")


@pytest.fixture
def write(tmp_path):
    """An INI with a text; its path."""

    def write(text):
        path = tmp_path / "x.ini"
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
        return path

    return write


@pytest.fixture
def complaints(write):
    """What is said of a text, without the folder of the file."""

    def complaints(text):
        path = write(text)
        with pytest.raises(ConfigError) as caught:
            load(path)
        return str(caught.value).replace(f"{path.parent}/", "").splitlines()

    return complaints
