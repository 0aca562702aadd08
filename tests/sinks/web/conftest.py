"""A page that shows a board, by a clock that stands until it is set."""

from __future__ import annotations

import pytest

from eflexcan2mqtt.sinks.web.board import Board

from .asking import Clock, serving


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def board(clock):
    return Board(clock)


@pytest.fixture
def port(board):
    """The port of a page that shows the board."""
    with serving(board) as number:
        yield number
