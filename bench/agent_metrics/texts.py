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


_KINDS = ("{} €", "{} Prozent", "am {}. Dezember", "um {}:30 Uhr", "{} Kurse")


def _facts(count: int) -> list[Metric]:
    taker = random.Random(11)
    caught = clean = 0
    cleans = min(500, count)
    for n in range(count):
        number = taker.randrange(2, 23)
        kind = _KINDS[n % len(_KINDS)]
        true = f"Unser Programm läuft {kind.format(number)} im Studio."
        wrong = f"Unser Programm läuft {kind.format(number + taker.choice((1, 2, 3, 5)))} im Studio."
        caught += bool(_ungrounded(wrong, true))
        if n < cleans:
            clean += bool(_ungrounded(true, true))
    return [
        Metric(
            "2.1", "mutated facts that block", "≥ 99.9 % of 10,000", f"{caught / count:.2%} of {count:,}",
            caught >= 0.999 * count,
            "a money, percent, date, time or count in the copy differs by a few from its cited source",
        ),
        Metric(
            "2.2", "clean copies that block", "≤ 1 % of 500", f"{clean / cleans:.2%} of {cleans}",
            clean <= 0.01 * cleans, "the same sentences as the source says them",
        ),
    ]  # fmt: skip


def _ungrounded(said: str, source: str) -> list[Any]:
    variant = {
        "text": f"Studio Alpha: {said}",
        "claims": [{"sentence": said, "kind": "feature", "source_ids": ["s"]}],
    }
    content = {"form": "du", "offers": [], "cta_url": TARGET, "languages": {"de": {"sms": variant}}}
    found = checks.check_revision(content, material("sms", offer=False, sources={"s": source}))
    return [each for each in found if each.code == "fact_ungrounded"]


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
