import json
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from ariia.cli import app

RUN = CliRunner()
PHRASES: list[dict[str, Any]] = [
    {"lang": "de", "text": "morgen", "value": "2013-02-13T00:00:00", "grain": "day"},
    {"lang": "de", "text": "übermorgen", "value": "2013-02-15T00:00:00", "grain": "day"},
    {"lang": "de", "text": "irgendwann", "value": "2013-02-15T00:00:00", "grain": "day"},
    {"lang": "en", "text": "at 3pm", "value": "2013-02-12T15:00:40", "grain": "hour"},
    {"lang": "en", "text": "at 4pm", "value": "2013-02-12T16:01:01", "grain": "hour"},
    {"lang": "en", "text": "three", "value": None, "grain": "none"},
    {"lang": "en", "text": "tomorrow", "value": None, "grain": "none"},
    {"lang": "en", "text": "See you tomorrow", "value": None, "grain": "none", "turn": True},
    {"lang": "en", "text": "call me tomorrow", "value": "2013-02-13T00:00:00", "grain": "day", "turn": True},
]


def written(folder: Path, phrases: Any, reference: str = "2013-02-12T04:30:00") -> Path:
    file = folder / "phrases.json"
    file.write_text(json.dumps({"reference": reference, "phrases": phrases}), encoding="utf-8")
    return file


def test_the_figures_are_told_per_language(tmp_path: Path):
    result = RUN.invoke(app, ["follow-ups", "score", str(written(tmp_path, PHRASES)), "--json"])
    assert result.exit_code == 0
    told = json.loads(result.stdout)
    german, english = told["de"], told["en"]
    assert (german["right"], german["wrong"], german["abstained"], german["phrases"]) == (1, 1, 1, 3)
    assert german["right_percent"] == 33.3
    assert [x["text"] for x in german["wrong_phrases"]] == ["übermorgen"]
    assert [x["text"] for x in german["missed"]] == ["irgendwann"]
    assert (english["right"], english["wrong"], english["false_schedules"], english["nothing_wanted"]) == (4, 2, 1, 3)


def test_people_read_counts_percent_and_every_wrong_answer(tmp_path: Path):
    result = RUN.invoke(app, ["follow-ups", "score", str(written(tmp_path, PHRASES))])
    assert result.exit_code == 0
    assert "de  3 phrases: right 1 (33.3 %), wrong 1 (33.3 %), abstained 1 (33.3 %)" in result.stdout
    assert "'übermorgen': wanted 2013-02-15T00:00:00, got 2013-02-14T00:00:00" in result.stdout


@pytest.mark.parametrize(
    ("content", "complaint"),
    [
        ("no json", "no JSON"),
        ("[]", "has no list `phrases`"),
        ('{"reference": "soon", "phrases": []}', "`reference` is 'soon'"),
        ('{"reference": "2013-02-12T04:30:00", "phrases": [1]}', "phrase 1 is no object"),
        ('{"reference": "2013-02-12T04:30:00", "phrases": [{"lang": "de"}]}', "phrase 1 has no text, value, grain"),
    ],
)
def test_a_broken_file_is_named_with_its_fault(tmp_path: Path, content: str, complaint: str):
    file = tmp_path / "broken.json"
    file.write_text(content, encoding="utf-8")
    result = RUN.invoke(app, ["follow-ups", "score", str(file)])
    assert result.exit_code == 2
    assert complaint in result.stderr
    assert str(file) in result.stderr


@pytest.mark.parametrize(
    ("change", "complaint"),
    [({"lang": "fr"}, "language 'fr'"), ({"value": "Tuesday"}, "`value` is 'Tuesday'")],
)
def test_a_broken_phrase_is_named_by_its_number(tmp_path: Path, change: dict[str, str], complaint: str):
    file = written(tmp_path, [PHRASES[0], PHRASES[0] | change])
    result = RUN.invoke(app, ["follow-ups", "score", str(file)])
    assert result.exit_code == 2
    assert "phrase 2" in result.stderr
    assert complaint in result.stderr


def test_a_file_that_is_not_there_or_not_text_is_told(tmp_path: Path):
    missing = RUN.invoke(app, ["follow-ups", "score", str(tmp_path / "none.json")])
    assert (missing.exit_code, "cannot be read" in missing.stderr) == (2, True)
    binary = tmp_path / "binary.json"
    binary.write_bytes(b"\xff\xfe\x00")
    assert "cannot be read" in RUN.invoke(app, ["follow-ups", "score", str(binary)]).stderr


def asked(text: str, **changes: str) -> list[str]:
    options = {"at": "2026-11-21T10:00", "zone": "Europe/Berlin", "language": "de"} | changes
    return ["follow-ups", "resolve", text, *(x for name, value in options.items() for x in (f"--{name}", value))]


def test_one_text_is_resolved_with_its_other_readings():
    result = RUN.invoke(app, asked("nächsten Samstag um 9 Uhr"))
    assert result.exit_code == 0
    first, *others = result.stdout.splitlines()
    assert first == "2026-11-28T09:00:00+01:00  hour"
    assert "nächsten Samstag" in others[-1]


def test_a_moment_with_an_offset_is_told_in_the_zone():
    result = RUN.invoke(app, asked("in zwei Stunden", at="2026-11-21T10:00:00+00:00"))
    assert result.stdout.splitlines()[0] == "2026-11-21T13:00:00+01:00  minute"


def test_no_answer_ends_with_one_and_its_reason():
    result = RUN.invoke(app, asked("um 3 Kilo"))
    assert (result.exit_code, result.stdout) == (1, "no answer: leftover\n")


@pytest.mark.parametrize(
    ("change", "complaint"),
    [({"zone": "Mars/Base"}, "--zone Mars/Base"), ({"at": "noon"}, "--at noon"), ({"language": "fr"}, "--language fr")],
)
def test_a_wrong_option_is_named(change: dict[str, str], complaint: str):
    result = RUN.invoke(app, asked("morgen", **change))
    assert result.exit_code == 2
    assert complaint in result.stderr
