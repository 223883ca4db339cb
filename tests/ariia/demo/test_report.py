"""The report fails when a number differs, and a mail is looked at strictly."""

import io
import os
from collections import Counter
from dataclasses import replace
from email.message import EmailMessage
from pathlib import Path

import pytest
from rich.console import Console

from ariia.demo import mails, people, report

EXPECTED = people.Expected(
    rows=12,
    members=10,
    refused_rows=2,
    targeted=5,
    will_send=2,
    skipped={"no_consent": 2, "suppressed": 1},
    mailboxes=frozenset({"a@mail.example", "b@mail.example"}),
)
RIGHT = report.Outcome(
    imported={"rows": 12, "created": 10, "rejected": 2},
    flight={"targeted": 5, "will_send": 2, "skipped": {"no_consent": 2, "suppressed": 1}},
    ledger={"sent": 2},
    reasons={"no_consent": 2, "suppressed": 1},
    addresses=Counter({"a@mail.example": 1, "b@mail.example": 1}),
)


def agrees(outcome: report.Outcome) -> bool:
    return report.show(Console(file=io.StringIO()), report.compare(EXPECTED, outcome))


def test_equal_numbers_agree() -> None:
    assert agrees(RIGHT)


@pytest.mark.parametrize(
    "wrong",
    [
        replace(RIGHT, imported={"rows": 12, "created": 11, "rejected": 1}),
        replace(RIGHT, flight={**RIGHT.flight, "targeted": 6}),
        replace(RIGHT, ledger={"sent": 1}),
        replace(RIGHT, reasons={"no_consent": 2}),
        replace(RIGHT, reasons={**RIGHT.reasons, "quiet_hours": 1}),
        replace(RIGHT, addresses=Counter({"a@mail.example": 2})),
        replace(RIGHT, addresses=Counter({"a@mail.example": 1, "c@mail.example": 1})),
    ],
)
def test_one_number_that_differs_fails(wrong: report.Outcome) -> None:
    assert not agrees(wrong)


def mail(
    folder: Path, *, plain: str = "Hallo Jörg,\n10er-Karte für 99,00\xa0€\n50674 Köln", **headers: str
) -> mails.Mail:
    message = EmailMessage()
    named = {
        "From": "Studio Lindenhof <hallo@studio-lindenhof.example>",
        "To": "Jörg Müller <JOERG@mail.example>",
        "Subject": "Schön, dass du da warst",
        "Message-ID": "<1@studio-lindenhof.example>",
        "List-Unsubscribe": "<http://127.0.0.1/u/1>",
        "List-Unsubscribe-Post": "List-Unsubscribe=One-Click",
    } | {name.replace("_", "-"): value for name, value in headers.items()}
    for name, value in named.items():
        if value:
            message[name] = value
    message.set_content(plain)
    message.add_alternative(f"<p>{plain}</p>", subtype="html")
    (folder / "1.eml").write_bytes(bytes(message))
    return mails.read(folder / "1.eml")


def problems(read: mails.Mail) -> list[str]:
    return mails.problems(
        read,
        sender="hallo@studio-lindenhof.example",
        prices=("99,00 €", "€99.00"),
        postal_address="Am Lindenhof 7, 50674 Köln",
    )


def test_the_price_may_stand_as_its_language_writes_it(tmp_path: Path) -> None:
    assert problems(mail(tmp_path, plain="Hello Grace,\n€99.00\n50674 Köln")) == []


def test_a_good_mail_has_no_problem(tmp_path: Path) -> None:
    read = mail(tmp_path)
    assert problems(read) == []
    assert read.to == "joerg@mail.example"
    assert mails.greeting(read) == "Hallo Jörg,"


@pytest.mark.parametrize(
    ("plain", "problem"),
    [
        ("Hallo ,\n99,00 € 50674 Köln", "the text holds 'Hallo ,'"),
        ("Hallo {first_name},\n99,00 € 50674 Köln", "the text holds '{first_name'"),
        ("Hallo Jörg,\n50674 Köln", "no price"),
        ("Hallo Jörg,\n99,00 €", "no postal address"),
        ("Hallo Jörg,\n99,00 € 50674 Köln <script>", "HTML from a name"),
        ("99,00 € 50674 Köln", "no greeting"),
    ],
)
def test_a_flaw_in_the_text_is_seen(tmp_path: Path, plain: str, problem: str) -> None:
    assert problem in problems(mail(tmp_path, plain=plain))


@pytest.mark.parametrize(
    ("header", "value", "problem"),
    [
        ("List-Unsubscribe", "", "no List-Unsubscribe"),
        ("List-Unsubscribe-Post", "", "no one-click unsubscribe"),
        ("From", "boese@angreifer.example", "another sender"),
        ("Bcc", "opfer@angreifer.example", "an injected header"),
    ],
)
def test_a_flaw_in_the_headers_is_seen(tmp_path: Path, header: str, value: str, problem: str) -> None:
    assert problem in problems(mail(tmp_path, **{header: value}))


def test_only_mails_that_are_new_are_read_also_under_a_name_used_before(tmp_path: Path) -> None:
    for name in ("alt.eml", "wieder.eml"):
        (tmp_path / name).touch()
        os.utime(tmp_path / name, ns=(1, 1))
    before = mails.kept(tmp_path)
    (tmp_path / "tief").mkdir()
    (tmp_path / "tief" / "neu.eml").touch()
    (tmp_path / "wieder.eml").write_text("neu")
    assert [path.name for path in mails.arrived(tmp_path, before)] == ["neu.eml", "wieder.eml"]


def test_a_domain_is_read_in_letters(tmp_path: Path) -> None:
    assert mail(tmp_path, To="ute@xn--krperwerk-07a.example").to == "ute@körperwerk.example"
