"""`./dev demo`: the main job on the demo studio, from a member file and one sentence to mails in a mailbox.

A client of the product: it starts the service, makes a tenant, and does everything else over HTTP. It fails when a
number differs from what the member generator expects.
"""

import time
from collections import Counter
from dataclasses import dataclass, field
from datetime import date, timedelta
from functools import partial
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from rich.text import Text

from ariia.bootstrap import create_tenant
from ariia.demo import mails, members, prepare, report, review
from ariia.demo.client import Api, Browser, Refused
from ariia.demo.people import Expected, expected
from ariia.demo.progress import Bar, Screen
from ariia.serve import RunningService, start_service
from kernel import clock
from kernel.ids import new_id
from kernel.settings import Settings

_PATIENCE = timedelta(seconds=180)
_SHOWN = 5
_OVER = frozenset({"sent", "failed", "cancelled", "held", "paused"})


class DemoFailed(RuntimeError):  # noqa: N818
    """The demo cannot go on; the text says why."""


@dataclass(slots=True)
class Demo:
    """What the steps of the demo share."""

    screen: Screen
    service: RunningService
    api: Api
    studio: dict[str, Any]
    folder: Path
    today: date
    expected: Expected
    mailbox_before: dict[Path, int]
    owner: prepare.Owner
    imported: dict[str, int] = field(default_factory=dict)


def main(settings: Settings) -> int:
    """Run the demo in `settings.data_dir`; return 0 when every number agrees, else 1."""
    screen = Screen()
    with screen.step("Start the service: PostgreSQL, migrations, web, worker, mailbox"):
        service = start_service(settings)
    try:
        return _run(screen, service, settings)
    except (DemoFailed, Refused, prepare.NotWritten, review.NotApproved) as error:
        screen.console.print(f"[red]The demo stopped:[/] {error}")
        return 1
    finally:
        service.stop()


def _run(screen: Screen, service: RunningService, settings: Settings) -> int:
    demo = setup(screen, service, settings)
    campaign = write_draft(demo)
    look(demo, campaign)
    revise(demo, campaign)
    flight = approve(demo, campaign)
    seconds = send(demo, campaign, flight["will_send"])
    chat(demo)
    return 0 if conclude(demo, campaign, flight, seconds) else 1


def setup(screen: Screen, service: RunningService, settings: Settings) -> Demo:
    """Create the studio with its people, import its members, and hand over what it knows."""
    studio = prepare.facts()
    zone = ZoneInfo(studio["time_zone"])
    today = clock.now().astimezone(zone).date()
    slug = f"{studio['slug']}-{new_id().hex[-6:]}"
    folder = settings.data_dir / "demo" / slug
    with screen.step(f"Create {studio['name']} ({slug}) with its people"):
        made = create_tenant(studio | {"slug": slug})
        api = Api(service.url, made.api_key)
        owner = prepare.people_and_sender(api, studio)
        screen.say(f"{len(studio['people'])} people, one sender")
    before = mails.kept(service.mailbox)
    plan = members.write(folder, today)
    demo = Demo(screen, service, api, studio, folder, today, expected(plan), before, owner)
    with screen.step("Import members, visits, purchases and suppressed addresses"):
        _import(demo)
    with screen.step("Read the price list, FAQ, course plan, offers and chats"):
        documents, offers = prepare.knowledge(api, screen, today)
        said = prepare.chats(api, screen, today, zone)
        screen.say(f"{documents} documents, {offers} offers, {said} chat messages")
    return demo


def _import(demo: Demo) -> None:
    owner = demo.studio["people"][0]["name"]
    result = prepare.import_members(demo.api, demo.screen, demo.folder, attested_by=owner)
    demo.imported = result.done
    if result.announced != result.done:
        raise DemoFailed(f"the dry run announced {result.announced}, the import did {result.done}")
    counts = ", ".join(f"{count} {name}" for name, count in result.done.items() if not name.startswith("note_"))
    demo.screen.say(f"{counts}; {result.visits} visits, {result.purchases} purchases, {result.suppressed} suppressed")
    for line in result.refused[:3]:
        demo.screen.quote(f"refused, {line}")


def write_draft(demo: Demo) -> str:
    """Create the campaign, let the agent write, and return the campaign's id."""
    with demo.screen.step("Write the draft from one sentence"):
        demo.screen.quote(prepare.sentence("goal.txt"))
        campaign = str(prepare.campaign(demo.api, demo.studio)["id"])
        demo.api.post(f"/campaigns/{campaign}/generate", {})
        _written(demo, campaign)
        _show_draft(demo, _current(demo, campaign))
    return campaign


def _written(demo: Demo, campaign: str) -> None:
    with demo.screen.bar("the agent writes", 100) as bar:
        tell = partial(_tell, bar)
        prepare.wait_for_draft(demo.api, campaign, _PATIENCE, tell)


def _tell(bar: Bar, percent: int, stage: str) -> None:
    bar.to(percent, says=f"the agent writes: {stage}")


def _current(demo: Demo, campaign: str) -> dict[str, Any]:
    seen = demo.api.get(f"/campaigns/{campaign}")
    revision: dict[str, Any] = demo.api.get(f"/campaigns/{campaign}/revisions/{seen['current_revision_id']}")
    return revision


def _show_draft(demo: Demo, revision: dict[str, Any]) -> None:
    for language, variant in revision["content"]["languages"].items():
        demo.screen.quote(f"{language}: {variant['email']['subject']} | {variant['email']['preheader']}")
    demo.screen.say(
        f"revision {revision['n']}, written by: {revision['origin']}, "
        f"{len(revision['claims'])} claims with sources, {len(revision['findings'])} findings"
    )


def look(demo: Demo, campaign: str) -> None:
    """Open the preview link, logged out, as three members, and keep the pages."""
    with demo.screen.step("Open the preview as three members"):
        url = demo.api.post(f"/campaigns/{campaign}/preview-links", {"purpose": "view"})["url"]
        seen = review.as_members(Browser(), url, demo.folder / "preview")
        if len(seen) != 3:  # noqa: PLR2004
            raise DemoFailed(f"the preview offers {len(seen)} members, not three")
        for look_at in seen:
            demo.screen.quote(f"as {look_at.who}: {look_at.subject}")


def revise(demo: Demo, campaign: str) -> None:
    """Give the studio's feedback and show what the second revision changed, word by word."""
    feedback = prepare.sentence("feedback.txt")
    with demo.screen.step(f"Give feedback: {feedback}"):
        first = _current(demo, campaign)
        demo.api.post(
            f"/campaigns/{campaign}/feedback",
            {"revision_id": first["id"], "content_hash": first["content_hash"], "comment": feedback},
        )
        _written(demo, campaign)
        second = _current(demo, campaign)
        if second["content_hash"] == first["content_hash"]:
            raise DemoFailed("the feedback changed nothing")
        difference = demo.api.get(f"/campaigns/{campaign}/revisions/{second['id']}/diff")
        for changed in difference["fields"][:_SHOWN]:
            demo.screen.say(_words(changed["path"], changed["words"]))
        if len(difference["fields"]) > _SHOWN:
            demo.screen.say(f"and {len(difference['fields']) - _SHOWN} more fields")
        _show_draft(demo, second)


def _words(path: str, words: list[tuple[str, str]]) -> Text:
    """Return a word diff in colours that also reads without them."""
    line = Text(f"{path}: ")
    for operation, text in words:
        if operation == "delete":
            line.append(f"[-{text}-]", style="red")
        elif operation == "insert":
            line.append(f"{{+{text}+}}", style="green")
        else:
            line.append(text, style="dim")
    return line


def approve(demo: Demo, campaign: str) -> dict[str, Any]:
    """Approve on the preview page, as a person's browser does; return the flight check."""
    approver = next(person["name"] for person in demo.studio["people"] if person["role"] == "approver")
    with demo.screen.step(f"Approve as {approver}, by the form of the preview page"):
        url = demo.api.post(f"/campaigns/{campaign}/preview-links", {"purpose": "approve"})["url"]
        flight: dict[str, Any] = demo.api.get(f"/campaigns/{campaign}/flight-check")
        review.approve(Browser(), url, name=approver)
        seen = demo.api.get(f"/campaigns/{campaign}")
        if seen["status"] != "approved":
            raise DemoFailed(f"after the approval the campaign is {seen['status']}")
        demo.screen.say(f"approved by {seen['approved_by']}, sealed {seen['approval_hash'][:12]}…")
        demo.screen.say(f"flight check: {flight['targeted']} targeted, {flight['will_send']} will be sent")
    return flight


def send(demo: Demo, campaign: str, will_send: int) -> float:
    """Start, follow the counters until nothing is open, and return the seconds from start to the last message."""
    with demo.screen.step("Send"), demo.screen.bar("messages", will_send) as bar:
        began = time.monotonic()
        demo.api.post(f"/campaigns/{campaign}/start")
        while True:
            seen = demo.api.get(f"/campaigns/{campaign}")
            bar.to(seen["counts"].get("sent", 0))
            if seen["status"] in _OVER:
                break
            if time.monotonic() - began > _PATIENCE.total_seconds():
                raise DemoFailed(f"sending did not end within {_PATIENCE.seconds} s: {seen['counts']}")
            time.sleep(0.1)
        seconds = time.monotonic() - began
    if seen["status"] != "sent":
        raise DemoFailed(f"sending ended as {seen['status']}: {seen['hold_reason'] or seen['counts']}")
    return seconds


def chat(demo: Demo) -> None:
    """Let a member ask in a chat to be written to later, and show what will be sent then."""
    with demo.screen.step("A member asks in a chat to be written to later"):
        approved = prepare.approve_follow_ups(demo.owner.api(demo.service.url))
        demo.screen.say(f"{approved} texts of follow-ups approved by the owner")
        wish = prepare.wish(demo.api, _PATIENCE)
        demo.screen.quote(f"member: {wish.said}")
        demo.screen.quote(f"answer: {wish.answer}")
        demo.screen.say(f"in the rehearsal, on {wish.due}: {wish.text}")


def conclude(demo: Demo, campaign: str, flight: dict[str, Any], seconds: float) -> bool:
    """Read the mails back, print the report, and return whether every number and every mail is right."""
    with demo.screen.step("Read the mails back out of the mailbox"):
        paths = mails.arrived(demo.service.mailbox, demo.mailbox_before)
        received = [mails.read(path) for path in paths]
        flawed = _flawed(demo, received)
        for path, wrong in flawed[:5]:
            demo.screen.quote(f"wrong in {path.name}: {'; '.join(wrong)}")
        if received:
            _show_mail(demo, received)
    seen = demo.api.get(f"/campaigns/{campaign}")
    recipients = list(demo.api.all(f"/campaigns/{campaign}/recipients"))
    outcome = report.Outcome(
        imported=demo.imported,
        flight=flight,
        ledger=seen["counts"],
        reasons=Counter(row["reason"] for row in recipients if row["reason"]),
        addresses=Counter(mail.to for mail in received),
    )
    agrees = report.show(demo.screen.console, report.compare(demo.expected, outcome))
    _places(demo, len(received), seconds)
    return agrees and not flawed


def _flawed(demo: Demo, received: list[mails.Mail]) -> list[tuple[Path, list[str]]]:
    """Return the mails that a strict reader objects to, with the reasons."""
    sender, address = demo.studio["sender"]["from_address"], demo.studio["postal_address"]
    prices = prepare.prices_of(demo.studio["campaign"]["offer"])
    looked = [
        (mail.path, mails.problems(mail, sender=sender, prices=prices, postal_address=address)) for mail in received
    ]
    return [(path, wrong) for path, wrong in looked if wrong]


def _show_mail(demo: Demo, received: list[mails.Mail]) -> None:
    mail = min(received, key=lambda each: each.to != "joerg.mueller-luedenscheidt@mail.example")
    for name in ("To", "Subject", "List-Unsubscribe", "List-Unsubscribe-Post"):
        demo.screen.quote(f"{name}: {mail.header(name)}")
    for line in mail.part("plain").strip().splitlines():
        demo.screen.quote(f"│ {line}")


def _places(demo: Demo, sent: int, seconds: float) -> None:
    rate = sent / seconds if seconds else 0.0
    demo.screen.console.print(
        f"{sent} mails in {seconds:.1f} s ({rate:.0f}/s), from start to the last mark in the ledger"
    )
    demo.screen.console.print(f"Mails:   {demo.service.mailbox}", soft_wrap=True)
    demo.screen.console.print(f"Preview: {demo.folder / 'preview'}", soft_wrap=True)
