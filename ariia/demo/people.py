"""The people of the demo studio: 2,000 members with every flaw a real list has, the same for the same seed.

Dates are told in days before today, so the list is as fresh on any day. `expected` counts from the
plan of each person, not from the file, and is what the demo's report is compared with.
"""

import csv
import json
import random
import unicodedata
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from functools import cache
from pathlib import Path
from typing import Any

STUDIO = Path(__file__).parent / "studio"
SEED = 20
COUNT = 2_000
INACTIVE_DAYS = 30
FAMILIES = 60
TWICE_REGISTERED = 15
SUPPRESSED = 40
REPEATED_ROWS = 6
_REACHED = frozenset({"aktiv", "ruhend"})
_WITHOUT_EVIDENCE = 12
_NAMED = 100  # the first of the list stay as they are: regulars, hostile names, and some like anybody
_STOPPED_IN_CHAT = frozenset({"LH-10008"})  # chat-011: "Bitte keine Werbung mehr per Mail."


@dataclass(frozen=True, slots=True)
class Person:
    """One member. `mailbox` is the address in lower case that mail would reach, None without a usable one."""

    number: str
    first_name: str
    last_name: str
    salutation: str
    email: str
    mailbox: str | None
    language: str
    time_zone: str
    status: str
    joined_days: int
    visit_days: int | None
    tags: str = ""
    course: str = ""
    consent: str = "ja"
    evidence: bool = True
    tracking: str = ""
    phone: str = ""

    @property
    def inactive(self) -> bool:
        """Whether the last visit (or joining, without one) lies more than 30 days back; nobody is at exactly 30."""
        return (self.joined_days if self.visit_days is None else self.visit_days) > INACTIVE_DAYS


@dataclass(frozen=True, slots=True)
class Studio:
    """The generated people and the addresses that must not be written to."""

    people: tuple[Person, ...]
    suppressed: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Expected:
    """What the product must arrive at. `skipped` counts each targeted member once, under the first reason that holds.

    Order of reasons: no usable address, suppressed address, no consent, second member at one address.
    """

    rows: int
    members: int
    refused_rows: int
    targeted: int
    will_send: int
    skipped: dict[str, int] = field(default_factory=dict)
    languages: dict[str, int] = field(default_factory=dict)
    mailboxes: frozenset[str] = frozenset()


@cache
def names() -> dict[str, Any]:
    """Return the names, addresses and broken lines that people and files are made of."""
    read: dict[str, Any] = json.loads((STUDIO / "names.json").read_text(encoding="utf-8"))
    return read


def _ascii(text: str) -> str:
    spelled = text.lower()
    for letter, letters in {"ä": "ae", "ö": "oe", "ü": "ue", "ß": "ss", "ı": "i", "ł": "l", "đ": "d"}.items():
        spelled = spelled.replace(letter, letters)
    plain = unicodedata.normalize("NFKD", spelled).encode("ascii", "ignore").decode()
    return "".join(letter if letter.isalnum() else "-" for letter in plain).strip("-") or "mitglied"


def make(seed: int = SEED) -> Studio:
    """Return the studio's people; the same for the same seed."""
    chance = random.Random(seed)  # noqa: S311 - a repeatable demo, nothing secret
    people = _regulars(chance)
    people += [_hostile(index + len(people), called, chance) for index, called in enumerate(names()["hostile"])]
    people += [_anybody(number, chance) for number in range(len(people), COUNT - len(names()["flawed"]))]
    plain = range(_NAMED, len(people))
    places = chance.sample(plain, k=len(plain))
    people = _with_families(people, [places.pop() for _ in range(FAMILIES * 3)], chance)
    people = _with_twice_registered(people, [places.pop() for _ in range(TWICE_REGISTERED * 2)])
    people = _with_flaws(people, places, chance)
    return Studio(tuple(people), _suppressed(people[_NAMED:], chance))


def _number(index: int) -> str:
    return f"LH-{10_001 + index}"


def _regulars(chance: random.Random) -> list[Person]:
    """Return the people whom the chats speak of, written by hand."""
    with (STUDIO / "stammkunden.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file, delimiter=";"))
    return [
        Person(
            number=row["Mitgliedsnr"],
            first_name=row["Vorname"],
            last_name=row["Nachname"],
            salutation=row["Anrede"],
            email=(address := f"{_ascii(row['Vorname'] or 'info')}.{_ascii(row['Nachname'])}@mail.example"),
            mailbox=address,
            language=row["Sprache"],
            time_zone=row["Zeitzone"],
            status=row["Status"],
            joined_days=int(row["Tage seit Besuch"]) + 200 + index,
            visit_days=int(row["Tage seit Besuch"]),
            tags=row["Tags"],
            course=row["Lieblingskurs"],
            consent=row["Einwilligung"],
            phone=_phone(chance),
        )
        for index, row in enumerate(rows)
    ]


def _hostile(index: int, called: Sequence[str], chance: random.Random) -> Person:
    """Return somebody whose name attacks or breaks things; they are written to, so that the mails show it."""
    made = _anybody(index, chance)
    address = f"{_ascii(called[1])}.{index}@mail.example"
    return replace(
        made,
        first_name=called[0],
        last_name=called[1],
        salutation="",
        email=address,
        mailbox=address,
        language="de",
        status="aktiv",
        joined_days=500,
        visit_days=40 + index,
        consent="ja",
    )


def _anybody(index: int, chance: random.Random) -> Person:
    known = names()
    language = "en" if chance.random() < 0.15 else "de"  # noqa: PLR2004 - shares of a plausible studio, here and below
    salutation = chance.choices(["Frau", "Herr", ""], [56, 39, 5])[0]
    first = chance.choice(known[language][salutation])
    last = chance.choice(known["last"][language])
    domain = known["idn_domain"] if index % 500 == 499 else chance.choice(known["domains"])  # noqa: PLR2004
    address = f"{_ascii(first)}.{_ascii(last)}.{index}@{domain}"
    visit = _visit(chance)
    joined = chance.choice([9, 20, 26, 48, 90, 260]) if visit is None else visit + chance.randint(20, 1_500)
    no_name = chance.random() < 0.04  # noqa: PLR2004
    return Person(
        number=_number(index),
        first_name="" if no_name else first,
        last_name=last,
        salutation=salutation,
        email=_as_typed(address, chance),
        mailbox=address,
        language=chance.choices([language, "", language.upper()], [90, 6 if language == "de" else 0, 4])[0],
        time_zone=_time_zone(language, chance),
        status=chance.choices(["aktiv", "ruhend", "gekündigt", "Interessent"], [86, 5, 6, 3])[0],
        joined_days=joined,
        visit_days=visit,
        tags=",".join(sorted(chance.sample(known["tags"], chance.choice([0, 1, 1, 2, 3])))),
        course=_course(language, chance),
        consent=chance.choices(["ja", "nein", "", "abgemeldet"], [78, 8, 9, 5])[0],
        tracking=chance.choices(["ja", "nein", ""], [35, 25, 40])[0],
        phone=_phone(chance),
    )


def _visit(chance: random.Random) -> int | None:
    """Return days since the last visit: about 55 % more than 30, some never; never exactly 30."""
    kind = chance.choices(["away", "here", "never"], [54, 44, 2])[0]
    if kind == "never":
        return None
    if kind == "here":
        return chance.randint(1, INACTIVE_DAYS - 1)
    return min(INACTIVE_DAYS + 1 + int(chance.expovariate(1 / 70)), 900)


def _course(language: str, chance: random.Random) -> str:
    if language == "en" and chance.random() < 0.4:  # noqa: PLR2004
        return str(names()["english_course"])
    return str(chance.choice([*names()["courses"], ""]))


def _time_zone(language: str, chance: random.Random) -> str:
    if language == "en":
        return chance.choices(["Europe/Lisbon", "Europe/Berlin", ""], [40, 50, 10])[0]
    return chance.choices(["Europe/Berlin", "Europe/Lisbon", ""], [88, 2, 10])[0]


def _as_typed(address: str, chance: random.Random) -> str:
    """Return the address the way people at the desk type it."""
    way = chance.choices(["as is", "Upper", "blank", "CAPS"], [88, 6, 4, 2])[0]
    local, domain = address.split("@")
    return {
        "as is": address,
        "Upper": f"{local.title()}@{domain}",
        "blank": f" {address} ",
        "CAPS": f"{local.upper()}@{domain}",
    }[way]


def _phone(chance: random.Random) -> str:
    digits = f"{chance.randint(0, 9_999_999):07d}"
    forms = [
        f"+49 (0)221 {digits}",
        f"0221 / {digits[:3]} {digits[3:]}",
        f"+49 151 {digits}0",
        f"0151-{digits}0",
        f"0049 221 {digits}",
        f"+351 912 {digits[:3]} {digits[3:6]}",
        "",
    ]
    return chance.choices(forms, [30, 15, 20, 10, 5, 3, 17])[0]


def _with_families(people: list[Person], places: list[int], chance: random.Random) -> list[Person]:
    """Let three at a time share a surname and one address, typed differently, all in one language."""
    for start in range(0, len(places), 3):
        parent, *others = places[start : start + 3]
        head = people[parent]
        for place in others:
            people[place] = replace(
                people[place],
                last_name=head.last_name,
                email=_as_typed(head.mailbox or "", chance),
                mailbox=head.mailbox,
                language=head.language,
            )
    return people


def _with_twice_registered(people: list[Person], places: list[int]) -> list[Person]:
    """Let people stand in the file under two member numbers, the address once in capitals."""
    for first, second in zip(places[::2], places[1::2], strict=True):
        twin = people[first]
        people[second] = replace(twin, number=people[second].number, email=(twin.mailbox or "").upper())
    return people


def _with_flaws(people: list[Person], places: list[int], chance: random.Random) -> list[Person]:
    """Take addresses away, break some, and leave some consents without their evidence."""
    for bad in names()["unusable_addresses"]:
        place = places.pop()
        people[place] = replace(people[place], email=bad, mailbox=None, consent="ja")
    for _ in range(50):
        place = places.pop()
        people[place] = replace(people[place], email="", mailbox=None)
    for _ in range(_WITHOUT_EVIDENCE):
        place = places.pop()
        people[place] = replace(people[place], consent="ja", evidence=False, visit_days=chance.randint(31, 90))
    return people


def _suppressed(people: Iterable[Person], chance: random.Random) -> tuple[str, ...]:
    """Return addresses that bounced or complained: most belong to members who would else be written to."""
    wanted = sorted({p.mailbox for p in people if p.mailbox and p.inactive and p.consent == "ja"})
    unknown = [f"ehemalig.{n}@post.example" for n in range(5)]
    return tuple(chance.sample(wanted, SUPPRESSED - len(unknown)) + unknown)


def expected(studio: Studio) -> Expected:
    """Return what a campaign to members inactive for 30 days must arrive at."""
    targeted = [p for p in studio.people if p.status in _REACHED and p.inactive]
    blocked = {*studio.suppressed, *(p.mailbox for p in studio.people if p.mailbox and p.number in _STOPPED_IN_CHAT)}
    reached: dict[str, Person] = {}
    skipped: Counter[str] = Counter()
    for person in targeted:
        reason = _reason(person, blocked, reached)
        if reason:
            skipped[reason] += 1
        else:
            reached[str(person.mailbox)] = person
    flawed, refused = len(names()["flawed"]), len(names()["refused"]) + REPEATED_ROWS
    return Expected(
        rows=len(studio.people) + flawed + refused,
        members=len(studio.people) + flawed,
        refused_rows=refused,
        targeted=len(targeted),
        will_send=len(reached),
        skipped=dict(skipped),
        languages=dict(Counter(p.language.lower() or "de" for p in reached.values())),
        mailboxes=frozenset(reached),
    )


def _reason(person: Person, blocked: set[str], reached: dict[str, Person]) -> str | None:
    if person.mailbox is None:
        return "no_address"
    if person.mailbox in blocked:
        return "suppressed"
    if person.consent != "ja" or not person.evidence:
        return "no_consent"
    if person.mailbox in reached:
        return "shared_address"
    return None
