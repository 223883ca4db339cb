"""The labelled mails that may lie beside the repository; they are not part of it."""

import os
from pathlib import Path

import pytest

from channels.email.reports.read import read
from channels.email.reports.score import score

ROOT = Path(__file__).resolve().parents[3]
FOLDER = Path(os.environ.get("ARIIA_TEST_BOUNCES", ROOT.parent / "shared" / "data" / "bounces"))

pytestmark = pytest.mark.skipif(
    not (FOLDER / "labels.json").exists(), reason="no labelled mails: set ARIIA_TEST_BOUNCES to their folder"
)


def test_the_labelled_mails_are_read_as_well_as_promised():
    result = score(FOLDER, FOLDER / "labels.json")
    assert result.precision >= 0.98
    assert result.recall >= 0.90
    assert result.recipients_found >= 0.95


def test_complaints_are_found_and_nothing_else_is_a_bounce():
    kinds = {path.name: read(path.read_bytes()).kind for path in FOLDER.glob("*.eml")}
    assert {kind for name, kind in kinds.items() if name.startswith("not-a-bounce")} == {"other"}
    reports = {name: kind for name, kind in kinds.items() if name.startswith("arf")}
    assert list(reports.values()).count("complaint") >= 7
    assert not {"bounce", "delayed"} & set(reports.values())


def test_line_ends_make_no_difference_to_any_of_them():
    for path in FOLDER.glob("*.eml"):
        lines = path.read_bytes().replace(b"\r\n", b"\n").replace(b"\r", b"\n")
        assert read(lines) == read(lines.replace(b"\n", b"\r\n")) == read(lines.replace(b"\n", b"\r")), path.name
