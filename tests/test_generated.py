"""What is made from the code is as the code makes it; if not: `make generated`."""

from __future__ import annotations

import pytest

from .support.generated import HOME, between, generated


@pytest.mark.parametrize("path", generated(), ids=lambda path: str(path.relative_to(HOME)))
def test_a_generated_file_is_up_to_date(path):
    assert path.read_text() == generated()[path]


def test_only_what_stands_between_the_marks_is_replaced():
    page = "before\n<!-- x -->\nold\n<!-- /x -->\nafter\n"
    assert between(page, "x", "new") == "before\n<!-- x -->\nnew\n<!-- /x -->\nafter\n"


def test_a_missing_mark_is_an_error():
    with pytest.raises(AssertionError, match="no <!-- /x -->"):
        between("<!-- x -->\nold\n", "x", "new")
