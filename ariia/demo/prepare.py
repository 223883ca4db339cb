"""Setting up the demo studio through the API: its people, members, knowledge and chats, as a customer would."""

import csv
import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from pathlib import Path
from secrets import token_urlsafe
from time import sleep
from typing import Any
from zoneinfo import ZoneInfo

from ariia.demo.client import Api
from ariia.demo.people import STUDIO
from ariia.demo.progress import Screen
from kernel import clock

DOCUMENTS = {
    "preisliste.md": "de",
    "kursplan.md": "de",
    "faq.md": "de",
    "oeffnungszeiten.md": "de",
    "faq.en.md": "en",
}
_SETTINGS = (
    "postal_address",
    "imprint_url",
    "website",
    "brand_colour",
    "approved_hosts",
    "quiet_from",
    "quiet_until",
)
WISHES = "LH-10001"  # who asks in a chat to be written to later
_MEDIA_TYPES = {".md": "text/markdown", ".csv": "text/csv"}


def facts() -> dict[str, Any]:
    """Return what `studio.json` says about the studio."""
    read: dict[str, Any] = json.loads((STUDIO / "studio.json").read_text(encoding="utf-8"))
    return read


def sentence(name: str) -> str:
    """Return the one sentence in a text file of the studio."""
    return (STUDIO / name).read_text(encoding="utf-8").strip()


@dataclass(frozen=True, slots=True)
class Owner:
    """Who signs in as the studio's owner; keys cannot approve, people can."""

    email: str
    password: str

    def api(self, url: str) -> Api:
        """Sign in. Raises Refused."""
        token = Api(url, "").post("/sessions", {"email": self.email, "password": self.password})["token"]
        return Api(url, str(token))


def people_and_sender(api: Api, studio: dict[str, Any]) -> Owner:
    """Fill in the settings, add people and the sender. Returns the owner with a password of this run.

    The quiet hours of the demo studio are off, so that the demo ends at any hour of the day.
    """
    api.put("/settings", {name: studio[name] for name in _SETTINGS})
    password = token_urlsafe(15)
    for person in studio["people"]:
        api.post("/users", person | ({"password": password} if person["role"] == "owner" else {}))
    api.post("/senders", {**studio["sender"], "is_default": True})
    return Owner(next(person["email"] for person in studio["people"] if person["role"] == "owner"), password)


def approve_follow_ups(owner: Api) -> int:
    """Approve the suggested words of follow-ups, as the owner of the studio. Returns how many."""
    suggested = owner.get("/follow-ups/texts")["suggestions"]
    for words in suggested:
        owner.put("/follow-ups/texts", {name: words[name] for name in ("topic", "language", "body")})
    return len(suggested)


@dataclass(frozen=True, slots=True)
class Wish:
    """A wish in a chat: what was written, what was answered, and what will be sent when."""

    said: str
    answer: str
    due: str
    text: str


def wish(api: Api, patience: timedelta) -> Wish:
    """Let a member ask in a chat to be written to later. Raises NotWritten when nobody answers in time."""
    member, said = _member(api, WISHES), sentence("wish.txt")
    chat = api.post("/conversations", {"channel": "web", "external_id": "chat-wish", "member_id": member})["id"]
    message = {"author": "member", "text": said, "at": clock.now().isoformat(), "external_id": "chat-wish-0"}
    api.post(f"/conversations/{chat}/messages", message)
    until = clock.now() + patience
    while True:
        answers = [row["text"] for row in api.all(f"/conversations/{chat}/messages") if row["author"] == "agent"]
        if answers or clock.now() > until:
            break
        sleep(0.1)
    promised = [row for row in api.all("/follow-ups", member_id=member) if row["state"] == "pending"]
    if not answers or not promised:
        raise NotWritten("the member's wish in the chat was not answered in time")
    horizon = (clock.now() + timedelta(days=30)).isoformat()
    steps = api.post("/follow-ups/rehearsal", {"until": horizon})["steps"]
    text = next((step["text"] for step in steps if step["follow_up_id"] == promised[0]["id"] and step["text"]), "")
    return Wish(said, answers[0], promised[0]["due_local"].replace("T", " ")[:16], text)


@dataclass(frozen=True, slots=True)
class Imported:
    """What the dry run announced, and what the import did."""

    announced: dict[str, int]
    done: dict[str, int]
    refused: tuple[str, ...]
    visits: int
    purchases: int
    suppressed: int


def import_members(api: Api, screen: Screen, folder: Path, *, attested_by: str) -> Imported:
    """Block what must not be written to, look at the member file in a dry run, then import it with its history."""
    suppressed = _suppress(api, screen, folder / "sperrliste.csv")
    with screen.bar("member file: dry run, import, visits, purchases", 4) as bar:
        dry = _upload(api, "/imports/members", folder / "mitglieder.csv", dry_run="true", attested_by=attested_by)
        bar.to(1)
        done = _upload(api, "/imports/members", folder / "mitglieder.csv", dry_run="false", attested_by=attested_by)
        bar.to(2)
        visits = _upload(api, "/imports/activities", folder / "besuche.csv")
        bar.to(3)
        purchases = _upload(api, "/imports/purchases", folder / "kaeufe.csv")
        bar.to(4)
    rows = api.all(f"/imports/{done['id']}/rows", outcome="rejected")
    refused = sorted((row["line"], _said(row)) for row in rows)
    return Imported(
        announced=dry["counts"],
        done=done["counts"],
        refused=tuple(f"line {line}: {said}" for line, said in refused),
        visits=visits["counts"].get("created", 0),
        purchases=purchases["counts"].get("created", 0),
        suppressed=suppressed,
    )


def _said(row: dict[str, Any]) -> str:
    first = row["problems"][0]
    return f"{first['column']} {first['problem']}".strip()


def _upload(api: Api, path: str, file: Path, **fields: str) -> dict[str, Any]:
    answer: dict[str, Any] = api.upload(path, file, media_type=_MEDIA_TYPES[file.suffix], **fields)
    while answer.get("status") in {"queued", "running"}:  # a large file is imported in the background
        sleep(0.1)
        answer = api.get(f"/imports/{answer['id']}")
    return answer


def _suppress(api: Api, screen: Screen, file: Path) -> int:
    rows = list(_rows(file))
    with screen.bar("suppressed addresses", len(rows)) as bar:
        for n, row in enumerate(rows, start=1):
            api.post("/suppressions", {"channel": "email", "address": row["Adresse"], "reason": row["Grund"]})
            bar.to(n)
    return len(rows)


def _rows(file: Path) -> Iterator[dict[str, str]]:
    with file.open(encoding="utf-8-sig", newline="") as opened:
        yield from csv.DictReader(opened, delimiter=";")


def knowledge(api: Api, screen: Screen, today: date) -> tuple[int, int]:
    """Upload the documents and the offers. Returns how many of each."""
    offers = list(_rows(STUDIO / "angebote.csv"))
    with screen.bar("documents and offers", len(DOCUMENTS) + len(offers)) as bar:
        for n, (name, language) in enumerate(DOCUMENTS.items(), start=1):
            _upload(api, "/knowledge/files", STUDIO / name, language=language)
            bar.to(n)
        for n, row in enumerate(offers, start=1):
            api.post("/offers", offer(row, today))
            bar.to(len(DOCUMENTS) + n)
    return len(DOCUMENTS), len(offers)


def offer(row: dict[str, str], today: date) -> dict[str, Any]:
    """Return an offer for the API from a row whose dates are days from today."""
    return {
        "key": row["key"],
        "title": row["title"],
        "description": row["description"],
        "price_minor": _minor(row["price"]),
        "old_price_minor": _minor(row["old_price"]) if row["old_price"] else None,
        "currency": row["currency"],
        "valid_from": _day(row["valid_from_days"], today),
        "valid_until": _day(row["valid_until_days"], today),
        "url": row["url"],
        "terms": row["terms"],
        "tags": row["tags"].split(","),
    }


def prices_of(key: str) -> tuple[str, ...]:
    """Return the price of an offer as a German and as an English mail may write it."""
    amount = next(row["price"] for row in _rows(STUDIO / "angebote.csv") if row["key"] == key)
    short = amount.removesuffix(",00")
    return tuple(
        form
        for number in dict.fromkeys((amount, short))
        for form in (f"{number} €", f"€{number.replace(',', '.')}", f"EUR {number.replace(',', '.')}")
    )


def _minor(amount: str) -> int:
    return int(Decimal(amount.replace(".", "").replace(",", ".")) * 100)


def _day(days: str, today: date) -> str | None:
    return (today + timedelta(days=int(days))).isoformat() if days else None


def chats(api: Api, screen: Screen, today: date, zone: ZoneInfo) -> int:
    """Hand over the chat transcripts, message by message, as a chat connector does. Returns how many messages."""
    transcripts = json.loads((STUDIO / "chats.json").read_text(encoding="utf-8"))
    total = sum(len(chat["messages"]) for chat in transcripts)
    done = 0
    with screen.bar("chats", total) as bar:
        for chat in transcripts:
            opened = api.post(
                "/conversations",
                {
                    "channel": chat["channel"],
                    "external_id": chat["external_id"],
                    "member_id": _member(api, chat["member"]),
                },
            )
            begin = datetime.combine(
                today - timedelta(days=chat["started_days_ago"]), time.fromisoformat(chat["at"]), zone
            )
            for n, (author, minutes, text) in enumerate(chat["messages"]):
                message = {
                    "author": author,
                    "text": text,
                    "at": (begin + timedelta(minutes=minutes)).isoformat(),
                    "external_id": f"{chat['external_id']}-{n}",
                }
                api.post(f"/conversations/{opened['id']}/messages", message)
                done += 1
                bar.to(done)
    return done


def _member(api: Api, number: str | None) -> str | None:
    if number is None:
        return None
    found = api.get("/members", external_id=number)["items"]
    return str(found[0]["id"]) if found else None


def campaign(api: Api, studio: dict[str, Any]) -> dict[str, Any]:
    """Create the campaign with its goal in one sentence."""
    wanted = studio["campaign"]
    made: dict[str, Any] = api.post(
        "/campaigns",
        {
            "name": wanted["name"],
            "goal": sentence("goal.txt"),
            "audience": wanted["audience"],
            "cta_url": wanted["cta_url"],
        },
    )
    return made


class NotWritten(RuntimeError):  # noqa: N818
    """The agent's run did not end in a draft; the text says how it ended."""


def wait_for_draft(
    api: Api, campaign_id: str, patience: timedelta, tell: Callable[[int, str], None] = lambda _percent, _stage: None
) -> None:
    """Return when the agent's run is over; `tell` hears percent and stage meanwhile.

    Raises NotWritten when it took longer than `patience`, or ended in something else than a draft.
    """
    until = clock.now() + patience
    while True:
        seen = api.get(f"/campaigns/{campaign_id}")
        run = seen["run"] or {}
        tell(run.get("percent") or 0, run.get("stage") or "waiting")
        if seen["status"] != "ai_generating" or clock.now() > until:
            break
        sleep(0.1)
    if seen["status"] != "pending_review":
        asked = "; ".join(question["text"] for question in seen["questions"])
        said = run.get("error_detail") or run.get("error_code") or asked or "no answer in time"
        raise NotWritten(f"the draft is {seen['status']}: {said}")
