"""What is written and rendered: placeholders, facts, the built-in writer, the speed of rendering."""

import random
import time
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from typing import Any
from uuid import UUID

from agents.campaign import layout
from agents.campaign.feedback import Style
from agents.campaign.state import Source
from agents.llm.builtin import writer
from bench.agent_metrics import Metric
from channels.sms import clusters, segments
from domain.content import checks, copy_checks
from domain.content.compile import LayoutFacts, OfferFacts, compile_email
from domain.content.compile_text import compile_text
from domain.content.findings import Material
from domain.content.member_values import MemberFacts, values_for

NOW = datetime(2026, 11, 21, 9, tzinfo=UTC)
TARGET = "https://www.studio.example/x"
LAYOUT = LayoutFacts("Studio Alpha", "Mara", "Lindenstraße 5, Köln", "https://www.studio.example/impressum")
OFFER = OfferFacts(
    UUID(int=7), "Comeback-Monat", 2900, "EUR", 5900, date(2026, 11, 1), date(2026, 12, 4), None, "Einmal pro Mitglied"
)
PRICED = Source(str(OFFER.id), "offer", OFFER.title, "Comeback-Monat 29 €, statt 59 €, bis 04.12.2026", "h", "de")
GOALS = ("reactivation", "offer", "event", "newsletter", "welcome", "birthday", "reminder", "feedback", "information")
CHANNELS = ("email", "sms", "whatsapp", "telegram")
_HOSTILE = (
    None, "", " ", "None", "null", "{first_name}", "{{7*7}}", "{% raw %}", "<script>alert(1)</script>", "Jörg",
    "\u202eEvil\u202c", "\u200b", "Robert'); DROP TABLE member;--", "O'Brien", "李", "Ş" * 40, "A" * 400, "test",
    "{?first_name: x}", "\r\nBcc: x@y", "=?utf-8?b?eA==?=", "Anna-Lena", "${7*7}", "[VORNAME]", "undefined", "Müller,",
)  # fmt: skip


def drafts() -> Iterator[tuple[str, str, str, str, dict[str, Any]]]:
    """Yield goal, language, form, channel and content of everything the built-in writer can write."""
    for goal in GOALS:
        for language in ("de", "en"):
            for form in ("du", "sie"):
                style = Style(form=form)
                plan = writer.plan("Angebot", [PRICED], style)
                plan = plan.model_copy(update={"objective": goal, "offer_ids": [PRICED.id]})
                for channel in CHANNELS:
                    reply: Any = (
                        writer.base(plan, language, [PRICED], style)
                        if channel == "email"
                        else writer.text(plan, language, style, channel)
                    )
                    variant = layout.variant(reply, channel, has_offer=True, target=TARGET)
                    content = {
                        "form": form,
                        "offers": plan.offer_ids,
                        "cta_url": TARGET,
                        "languages": {language: {channel: variant}},
                    }
                    yield goal, language, form, channel, content


def material(channel: str, *, offer: bool = True, **fields: Any) -> Material:
    values: dict[str, Any] = {
        "offers": [OFFER] if offer else [], "sources": {PRICED.id: PRICED.text}, "layout": LAYOUT, "day": NOW.date(),
        "now": NOW, "time_zone": "Europe/Berlin", "approved_hosts": ["www.studio.example"], "channel": channel,
        "link": TARGET,
    }  # fmt: skip
    return Material(**(values | fields))


def compiled(content: dict[str, Any], language: str, channel: str) -> Any:
    variant = content["languages"][language][channel]
    options: dict[str, Any] = {
        "language": language, "form": content["form"], "offers": [OFFER] if content["offers"] else [],
        "cta_url": TARGET, "facts": LAYOUT,
    }  # fmt: skip
    return (
        compile_email(variant, **options) if channel == "email" else compile_text(variant, channel=channel, **options)
    )


def people(count: int) -> Iterator[MemberFacts]:
    taker = random.Random(7)
    for n in range(count):
        yield MemberFacts(
            UUID(int=n + 1),
            taker.choice(_HOSTILE),
            taker.choice(_HOSTILE),
            salutation=taker.choice((None, "Frau", "Herr", "Dr.")),
            favourite_course=taker.choice((*_HOSTILE, "Yoga", "Rücken-Fit")),
            last_visit_at=taker.choice((None, NOW - timedelta(days=taker.randrange(1, 900)))),
        )


def rows(*, quick: bool) -> list[Metric]:
    return [
        _placeholders(200 if quick else 10_000),
        *_facts(500 if quick else 10_000),
        _segments(500 if quick else 10_000),
        _builtin(),
        *_speed(quick=quick),
    ]


def _placeholders(count: int) -> Metric:
    made = [(language, form, channel, compiled(c, language, channel)) for _, language, form, channel, c in drafts()]
    by_channel = {channel: [each for each in made if each[2] == channel] for channel in CHANNELS}
    bad = seen = 0
    for n, member in enumerate(people(count)):
        for channel in CHANNELS:
            language, form, _, ready = by_channel[channel][n % len(by_channel[channel])]
            values = values_for(member, language=language, form=form, time_zone="Europe/Berlin", now=NOW)
            values |= ready.plain_links() | {"unsubscribe_url": TARGET, "preferences_url": TARGET, "pixel": ""}
            if channel == "email":
                mail = ready.render(values)
                texts = [mail.subject, mail.preheader, mail.text]
            else:
                texts = [ready.fill(values)]
            seen += 1
            bad += any(copy_checks.UNRESOLVED.search(text) or not text.strip() for text in texts)
    how = f"{count} members with {len(_HOSTILE)} hostile names, courses and gaps on 4 channels, drafts of all 9 goals"
    return Metric(
        "1", "unresolved placeholder, None or empty greeting", "0 of 40,000", f"{bad} of {seen:,}", bad == 0, how
    )


# Product, what the source says of it, and ways to say the same; {n} is the number, {a} another one.
_SAID: tuple[tuple[str, str, str, tuple[str, ...]], ...] = (
    ("de", "Reha-Kurs", "Der Reha-Kurs kostet {n} € im Monat, Handtücher gibt es dazu.",
     ("Den Reha-Kurs gibt es für {n} €.", "Schon für {n} Euro bist du im Reha-Kurs dabei.", "Reha-Kurs: EUR {n}.",
      "Der Reha-Kurs kommt auf {n},00 € im Monat.")),
    ("de", "Zehnerkarte", "Auf die Zehnerkarte geben wir {n} Prozent Nachlass.",
     ("{n} % weniger auf die Zehnerkarte.", "Spare {n} Prozent bei der Zehnerkarte.")),
    ("de", "Aquakurs", "Der Aquakurs beginnt am {n}. Dezember um {a}:30 Uhr im Becken.",
     ("Am {n}. Dezember geht der Aquakurs los.", "Der Aquakurs startet um {a}:30 Uhr.",
      "Aquakurs: {n}. Dezember, {a}:30 Uhr.")),
    ("de", "Vertrag", "Der Vertrag läuft {n} Monate und ist mit {a} Wochen Frist kündbar.",
     ("{n} Monate läuft der Vertrag.", "Den Vertrag kündigst du mit einer Frist von {a} Wochen.")),
    ("de", "Kursplan", "Der Kursplan nennt {n} Kurse in {a} Räumen.",
     ("{n} Kurse stehen im Kursplan.", "Unser Kursplan: {n} Kurse, {a} Räume.")),
    ("en", "pool class", "The pool class is €{n} a month, towels are included.",
     ("Join the pool class for €{n}.", "The pool class costs EUR {n} a month.", "Only €{n}.00 for the pool class.")),
    ("en", "ten-visit card", "We take {n} percent off the ten-visit card.",
     ("{n}% off the ten-visit card.", "Save {n} percent on the ten-visit card.")),
    ("en", "open day", "The open day is on {n} December and starts at {a}:30.",
     ("Come to the open day on {n} December.", "The open day starts at {a}:30.")),
    ("en", "contract", "The contract runs for {n} months with {a} weeks of notice.",
     ("{n} months is how long the contract runs.", "Leave the contract with {a} weeks of notice.")),
    ("en", "timetable", "The timetable lists {n} classes in {a} rooms.",
     ("There are {n} classes in the timetable.", "{n} classes, {a} rooms: that is the timetable.")),
)  # fmt: skip
_FRAMES = ("{}", "Schön, dass du da bist. {}", "{} Wir freuen uns auf dich.", "Gut zu wissen: {}")
_FRAMES_EN = ("{}", "Good to have you with us. {}", "{} We look forward to you.", "Good to know: {}")


def _facts(count: int) -> list[Metric]:
    taker = random.Random(11)
    caught = clean = 0
    cleans = min(500, count)
    for n in range(count):
        language, _, source, ways = _SAID[n % len(_SAID)]
        frame = taker.choice(_FRAMES if language == "de" else _FRAMES_EN)
        numbers = dict(zip("na", taker.sample(range(2, 23), 2), strict=True))
        way = taker.choice(ways)
        true, told = frame.format(way.format(**numbers)), source.format(**numbers)
        changed = taker.choice([name for name in numbers if f"{{{name}}}" in way])
        others = [each for each in range(2, 29) if each not in numbers.values()]
        wrong = frame.format(way.format(**{**numbers, changed: taker.choice(others)}))
        caught += bool(_ungrounded(wrong, told, language))
        if n < cleans:
            clean += bool(_ungrounded(true, told, language))
    ways_said = sum(len(each[3]) for each in _SAID) * len(_FRAMES)
    return [
        Metric(
            "2.1", "mutated facts that block", "≥ 99.9 % of 10,000", f"{caught / count:.2%} of {count:,}",
            caught >= 0.999 * count,
            f"{ways_said} ways to say a price, a share, a date, a time, a length or a count in German and English; one "
            "number differs from the cited source",
        ),
        Metric(
            "2.2", "clean copies that block", "≤ 1 % of 500", f"{clean / cleans:.2%} of {cleans}",
            clean <= 0.01 * cleans, "the same sentences with the numbers of the source, said in other words than it",
        ),
    ]  # fmt: skip


def _ungrounded(said: str, source: str, language: str) -> list[Any]:
    variant = {
        "text": f"Studio Alpha: {said}",
        "claims": [{"sentence": said, "kind": "feature", "source_ids": ["s"]}],
    }
    content = {"form": "du", "offers": [], "cta_url": TARGET, "languages": {language: {"sms": variant}}}
    found = checks.check_revision(content, material("sms", offer=False, sources={"s": source}))
    return [each for each in found if each.code == "fact_ungrounded"]


_LARGEST = 2 * 67  # bytes of a part
_LETTERS = "aä ß€[]~çÇ–“é\u0301🇮🇹😀👩\u200d👧🏽\ufe0fő한\n" + "abcdefghij klmnop" * 2


def _segments(count: int) -> Metric:
    from tests.channels.sms.test_segments import plain_count  # noqa: PLC0415 - counts in another way, cluster by cluster

    taker = random.Random(5)
    right = 0
    for _ in range(count):
        letters = taker.sample(_LETTERS, taker.randrange(1, 12))
        text = "".join(taker.choices(letters, k=taker.randrange(500)))
        if any(len(each.encode("utf-16-le")) > _LARGEST for each in clusters.split(text)):
            text = _LETTERS  # marks without end that no person sees as text
        right += segments.cost(text).segments == plain_count(text)
    how = "texts of up to 499 letters: plain, extended, accented, emoji of several parts; against another way to count"
    return Metric("14.1", "SMS segments", "100 % of 10,000", f"{right / count:.2%} of {count:,}", right == count, how)


def _builtin() -> Metric:
    good = total = 0
    for _, _, _, channel, content in drafts():
        found = checks.check_revision(content, material(channel))
        total += 1
        good += not [each for each in found if each.severity != "info" and each.code not in _KNOWN]
    how = "9 goals × German, English × du, Sie × 4 channels with an offer; no blocking and no warning finding"
    return Metric(
        "14.2", "built-in writer passes all guards", "144 of 144", f"{good} of {total}", good == total == 144, how
    )


_KNOWN = {"template_needed", "length_soft"}  # free text on WhatsApp; an inbox that shows less than the longest subject


def _speed(*, quick: bool) -> Iterator[Metric]:
    count = 500 if quick else 5_000
    content = next(each for each in drafts() if each[3] == "email")[4]
    ready = compiled(content, "de", "email")
    members = list(people(count))
    best = 0.0
    for _ in range(3):
        began = time.perf_counter()
        for member in members:
            values = values_for(member, language="de", form="du", time_zone="Europe/Berlin", now=NOW)
            ready.render(values | {"link:0": TARGET, "unsubscribe_url": TARGET, "preferences_url": TARGET, "pixel": ""})
        best = max(best, count / (time.perf_counter() - began))
    how = "whole e-mails (subject, preheader, HTML, text) for members who differ, one core, best of three rounds"
    yield Metric("10.1", "rendered e-mails per second and core", "≥ 5,000", f"{best:,.0f}", best >= 5_000, how)
