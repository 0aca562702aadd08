"""What tests of the program's page need: a port, an INI with a storage, and its answers."""

from __future__ import annotations

import urllib.request

import pytest

from tests.support.broker import free_port


@pytest.fixture
def port():
    return free_port()


@pytest.fixture
def ini(tmp_path, port):
    """An INI with a storage and, at its end, a page; a function that adds lines to it."""

    def write(more=""):
        path = tmp_path / "test.ini"
        path.write_text(
            f"[storage]\ndirectory = {tmp_path}/kept\n[web]\nlisten = 127.0.0.1:{port}\n{more}"
        )
        return path

    return write


@pytest.fixture
def asked(port):
    """The bytes and the headers of an answer of the page."""

    def asked(path, **headers):
        request = urllib.request.Request(f"http://127.0.0.1:{port}{path}", headers=headers)
        with urllib.request.urlopen(request, timeout=30) as answer:
            return answer.read(), answer.headers

    return asked
