"""The whole sending path against Postfix's smtp-source: same sink, same message size, same sessions.

`./dev bench sending [--messages 5000] [--sessions 8,64] [--workers 1,2] [--dkim] [--paragraphs N]`. A message is
claimed through the gate, rendered for its member with tracked links, marked durably before the final dot and after the
answer. The database is the embedded one, with every commit on the disk. Rounds are interleaved (A B A B), the ratio is
taken per round. Counts only if the counters, a recount and the sent marks agree. Needs Debian's package postfix.
"""

import argparse
import itertools
import statistics
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from uuid import UUID

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "tests"))
sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

import make
from chaos import crowd
from sqlalchemy import event, func, select, text

from ariia import migrate
from ariia.embedded import postgres
from bench import measure, smtp_client
from channels.email import settings as relays
from domain.campaigns import drafting, revisions
from domain.campaigns import service as campaigns
from domain.content.member_values import MemberFacts
from domain.delivery import engine, materialise, outlets, queries, recovery, render
from domain.delivery.claim import Work
from domain.senders import domains
from kernel import db, outbox, settings
from kernel.ids import new_id
from models import Message, Tenant

_GOAL, _GOAL_SIGNED = 0.5, 0.25


@dataclass(frozen=True)
class Figures:
    rate: float
    cpu: float  # seconds of this process per 1,000 messages
    statements: float  # per 1,000 messages
    commits: float


class Statements:
    def __init__(self) -> None:
        self.n = 0

    def __call__(self, *_: object) -> None:
        self.n += 1


def tenant_with(members: int, *, slug: str = "bench") -> UUID:
    tenant_id = new_id()
    with db.tenant_session(tenant_id) as session:
        session.add(
            Tenant(id=tenant_id, slug=slug, name="Bench", tier="business", language="de", currency="EUR",
                   time_zone="Europe/Berlin", postal_address="Weg 1, 1 Ort", imprint_url="https://www.bench.example/i",
                   website="https://www.bench.example", approved_hosts=["www.bench.example"])
        )  # fmt: skip
        session.flush()
        crowd.no_quiet_hours(session)
        make.sender(session)
        crowd.gather(session, members, tracking=True)
        session.execute(text("SELECT refresh_statistics()"))  # as an import does
    return tenant_id


def campaign_of(tenant_id: UUID, paragraphs: int) -> tuple[UUID, float, int]:
    """A campaign with its recipients fixed: id, seconds that took, bytes of one of its mails."""
    with db.tenant_session(tenant_id) as session:
        made = make.campaign(session, kind="transactional")
        written = make.email()
        words = {"type": "paragraph", "text": "Wir freuen uns auf dich, und im Studio wartet ein Platz. " * 8}
        written["blocks"][1:1] = [words] * paragraphs
        content = make.draft_content() | {"languages": {"de": {"email": written}}}
        revision = drafting.write(session, made.id, content=content, parent_id=None, actor=make.ACTOR)
        make.approve(session, made.id, revision)
        campaign = campaigns.start(session, made.id, actor=make.ACTOR)
        began = time.perf_counter()
        materialise.materialise(session, campaign.id)
        took = time.perf_counter() - began
        rendering = render.prepare(session, campaign, revisions.current(session, campaign))
        facts = MemberFacts(id=new_id(), first_name="Jörg 1", last_name="Müller")
        mail = rendering.message(new_id(), "crowd-1@example.org", facts, "de", tracked=True)
        return campaign.id, took, len(mail)


def together(tenant_id: UUID, campaign_id: UUID, port: int, sessions: int, messages: int, workers: int) -> Figures:
    """Several processes share the sessions and the campaign; the time to start them does not count."""
    script = Path(__file__).resolve().parent.parent / "tests/chaos/sender.py"
    url = db.engine().url.render_as_string(hide_password=False)
    with tempfile.TemporaryDirectory() as folder:
        go = Path(folder) / "go"
        keys = str(settings.get_settings().data_dir)
        words = [url, "", keys, str(tenant_id), str(campaign_id), str(port), str(sessions // workers), "60", str(go)]
        running = [subprocess.Popen([sys.executable, str(script), *words]) for _ in range(workers)]
        while len(list(Path(folder).glob("go.*"))) < workers:
            time.sleep(0.05)
        with db.tenant_session(tenant_id) as session:
            began = session.execute(text("SELECT clock_timestamp()")).scalar_one()
        go.touch()
        for process in running:
            assert process.wait(600) == 0
    with db.tenant_session(tenant_id) as session:
        assert queries.counts(session, campaign_id) == {"sent": messages}
        last = session.execute(select(func.max(Message.accepted_at)).where(Message.campaign_id == campaign_id))
        took = (last.scalar_one() - began).total_seconds()
    return Figures(messages / took, 0.0, 0.0, 0.0)


def ours(tenant_id: UUID, campaign_id: UUID, port: int, sessions: int, messages: int, counter: Statements) -> Figures:
    before, used, began = counter.n, cpu(), time.perf_counter()
    sent = commits = 0
    while sent < messages:
        outcome = engine.send(
            tenant_id, Work(campaign_id, "email"),
            outlets.through(relays.parse(f"smtp://127.0.0.1:{port}"), sessions), lease_seconds=60, seconds=600,
        )  # fmt: skip
        sent, commits = sent + outcome.sent, commits + outcome.commits
    took, per = time.perf_counter() - began, messages / 1_000
    figures = Figures(messages / took, (cpu() - used) / per, (counter.n - before) / per, commits / per)
    with db.tenant_session(tenant_id) as session:
        outbox.mark_due(session, "campaigns")
        recovery.sweep(session)
        assert queries.counts(session, campaign_id) == {"sent": messages}
        marked = session.execute(select(Message.id).where(Message.campaign_id == campaign_id, Message.state == "sent"))
        assert len(marked.all()) == messages
    return figures


def cpu() -> float:
    return measure.own_cpu()


@dataclass(frozen=True)
class Shape:
    """What is compared in a row of rounds."""

    messages: int
    sessions: int
    workers: int
    paragraphs: int
    dkim: bool
    rounds: int
    quick: bool


def compare(shape: Shape, counter: Statements, tenant_id: UUID) -> None:
    sizes, rates, ratios, theirs = 0, [], [], []
    figures = Figures(0.0, 0.0, 0.0, 0.0)
    for _ in range(shape.rounds):
        campaign_id, took, sizes = campaign_of(tenant_id, shape.paragraphs)
        smtp_client.SIZE = sizes
        with smtp_client.smtp_sink() as port:
            theirs.append(smtp_client.theirs(port, shape.messages, shape.sessions))
        with smtp_client.smtp_sink() as port:
            if shape.workers == 1:
                figures = ours(tenant_id, campaign_id, port, shape.sessions, shape.messages, counter)
            else:
                figures = together(tenant_id, campaign_id, port, shape.sessions, shape.messages, shape.workers)
        rates.append(figures.rate)
        ratios.append(figures.rate / theirs[-1])
        print(
            f"  {shape.sessions:3} sessions, {sizes:,} bytes: ours {figures.rate:,.0f}/s, "
            f"smtp-source {theirs[-1]:,.0f}/s, ratio {ratios[-1]:.2f} | "
            f"CPU {figures.cpu:.2f} s, {figures.statements:.0f} statements, "
            f"{figures.commits:.0f} mark commits per 1,000 | fixed in {took:.2f} s"
        )
    spread = (max(ratios) - min(ratios)) / statistics.median(ratios)
    goal = _GOAL_SIGNED if shape.dkim else _GOAL
    used = {
        "cpu_seconds_per_1000": round(figures.cpu, 3),
        "statements_per_1000": round(figures.statements),
        "mark_commits_per_1000": round(figures.commits),
    }
    measure.keep(
        f"sending, {round(sizes / 1_000)} KB{', signed with two keys' if shape.dkim else ''}, "
        f"{shape.sessions} sessions, {shape.workers} worker{'s' if shape.workers > 1 else ''}",
        goal=f"P3: ≥ {goal} of smtp-source",
        seen=f"{statistics.median(rates):,.0f}/s, {statistics.median(ratios):.2f} of smtp-source "
        f"({statistics.median(theirs):,.0f}/s), spread {spread:.0%}",
        met=statistics.median(ratios) >= goal,
        quick=shape.quick,
        noisy=spread > 2 * measure.NOISY,
        **(used if shape.workers == 1 else {}),
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--messages", type=int, default=5_000)
    parser.add_argument("--sessions", default="8,64")
    parser.add_argument("--workers", default="1,2")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--paragraphs", type=int, default=0, help="more text: 12 make about 20 KB")
    parser.add_argument("--dkim", action="store_true", help="sign with RSA-2048 and Ed25519")
    parser.add_argument("--quick", action="store_true", help="1,000 messages, one round")
    chosen = parser.parse_args()
    messages, rounds = (1_000, 1) if chosen.quick else (chosen.messages, chosen.rounds)
    with tempfile.TemporaryDirectory() as folder, postgres.start(Path(folder) / "pg", durable=True) as server:
        migrate.upgrade(server.owner_url, "ariia_app")
        settings.use(settings.Settings(data_dir=Path(folder), database_url=server.app_url))
        counter = Statements()
        event.listen(db.configure(server.app_url), "before_cursor_execute", counter)
        tenant_id = tenant_with(messages)
        with db.tenant_session(tenant_id) as session:
            if chosen.dkim:
                domains.add(session, domain="studio.example", actor="bench")
        for sessions, workers in itertools.product(*(chosen.sessions.split(","), chosen.workers.split(","))):
            shape = Shape(messages, int(sessions), int(workers), chosen.paragraphs, chosen.dkim, rounds, chosen.quick)
            compare(shape, counter, tenant_id)
        db.dispose()


if __name__ == "__main__":
    main()
