"""What the approval page shows, as plain values: no row, no session, no finished sentence but those of the domain."""

from dataclasses import dataclass, field
from datetime import datetime

from domain.content.diff import Words
from preview.bubbles import Run


@dataclass(frozen=True, slots=True)
class Group:
    """A group of members with words of its own. `stage` is new, active, quiet or away; `size` counts its members."""

    stage: str
    interest: str | None
    size: int
    insight: str | None = None  # key:value, what chats told of them


@dataclass(frozen=True, slots=True)
class Line:
    """A sentence for members of whom chats told something; `mine`: the shown person gets it."""

    language: str
    text: str
    insights: tuple[str, ...]
    size: int
    mine: bool


@dataclass(frozen=True, slots=True)
class Second:
    """A text of the second way to say it, which nobody gets before a comparison is started."""

    place: "Place"
    text: str


@dataclass(frozen=True, slots=True)
class Person:
    """One chosen recipient; `group` is the one whose words they get, None the base copy.

    `notes` say why this one: typical, no_name, unusable_name, longest_name, language, no_course.
    """

    id: str
    name: str
    notes: tuple[str, ...]
    language: str
    group: "Group | None" = None


@dataclass(frozen=True, slots=True)
class Mail:
    """The message as the shown person gets it, rendered by what sends it. `size` is the HTML in bytes.

    `broken`: the content has not the shape of an e-mail; the findings say where.
    """

    subject: str
    preheader: str
    text: str
    language: str
    size: int
    links: tuple[str, ...]
    remote_images: bool
    broken: bool = False


@dataclass(frozen=True, slots=True)
class Parts:
    """How an SMS is cut: `shown` for this person, `most` with the longest names; `dear` letters make it so."""

    shown: int
    most: int
    encoding: str
    dear: str = ""


@dataclass(frozen=True, slots=True)
class Bubble:
    """The text of SMS, WhatsApp or Telegram as the shown person gets it, and what it takes to send it.

    `template` names an approved template whose `variables` are filled instead. `units` counts as the channel does.
    """

    channel: str
    runs: tuple[Run, ...]
    language: str
    units: int
    most_units: int
    template: str | None = None
    variables: tuple[tuple[str, str], ...] = ()
    parts: Parts | None = None


@dataclass(frozen=True, slots=True)
class Source:
    """What a claim rests on. `kind` is offer, chunk or missing (gone from the knowledge base since)."""

    kind: str
    title: str
    excerpt: str


@dataclass(frozen=True, slots=True)
class Claim:
    """One sentence of the message that states a fact; `n` is its number in the marked frame."""

    n: int
    language: str
    sentence: str
    kind: str
    sources: tuple[Source, ...]


@dataclass(frozen=True, slots=True)
class Place:
    """Where in a content: language and part, which `n` counts from 1.

    Parts are subject, preheader, block, text, button, variable, line (a personal one), offer and whole.

    `variant` is the letter of a variant beside A.
    """

    language: str
    part: str
    n: int = 0
    group: Group | None = None
    variant: str = ""


@dataclass(frozen=True, slots=True)
class Spot:
    """One text that a change can be confined to; `path` names it, `text` is what the shown person reads."""

    path: str
    place: Place
    text: str


@dataclass(frozen=True, slots=True)
class Progress:
    """How far the agent is: percent, and the step that ended last."""

    percent: int
    stage: str


@dataclass(frozen=True, slots=True)
class FindingView:
    """One finding of the checks. `severity` is block, warn or info; a waiver names person and reason."""

    severity: str
    reason: str
    excerpt: str
    place: Place | None
    waived_by: str | None = None
    waived_because: str | None = None
    key: str = ""

    @property
    def blocks(self) -> bool:
        return self.severity == "block" and self.waived_by is None


@dataclass(frozen=True, slots=True)
class Skipped:
    """How many people do not get the message, and why."""

    reason: str
    count: int


@dataclass(frozen=True, slots=True)
class Quota:
    """A plan limit as used now; approving takes one more. `allowed` None is unlimited."""

    label: str
    used: int
    allowed: int | None
    resets_at: datetime | None
    lifted_by: str | None

    @property
    def full(self) -> bool:
        return self.allowed is not None and self.used >= self.allowed


@dataclass(frozen=True, slots=True)
class SendFacts:
    """What an approval sets going. Counts are people; money is in minor units.

    `variants`: who gets which variant of a comparison at once; `waiting`: who gets the winner later.
    """

    audience: str
    targeted: int
    will_send: int
    skipped: tuple[Skipped, ...]
    at: datetime | None
    sender_name: str
    sender_address: str
    reply_to: str | None
    quota: Quota
    ceiling: int | None
    currency: str
    problems: tuple[str, ...] = ()
    variants: tuple[tuple[str, int], ...] = ()
    waiting: int = 0


@dataclass(frozen=True, slots=True)
class Remark:
    """What somebody decided or said. `verb` is approve, revise, reject or comment."""

    verb: str
    name: str | None
    at: datetime
    comment: str | None
    wishes: tuple[str, ...]
    revision: int
    voided_because: str | None = None


@dataclass(frozen=True, slots=True)
class Change:
    """A text that differs from the previous revision, word by word."""

    place: Place
    words: Words


@dataclass(frozen=True, slots=True)
class Difference:
    """What changed since the previous revision, and what was asked for."""

    since: int
    asked: Remark | None
    changes: tuple[Change, ...]


@dataclass(frozen=True, slots=True)
class Origin:
    """How the text came about. `kind` is builtin, model, human or mixed."""

    kind: str
    goal: str | None


@dataclass(frozen=True, slots=True)
class Choices:
    """What the reader looks at, from the address. `dark` is none, custom or forced; `view` is mail or text."""

    member: str = ""
    lang: str = ""
    view: str = "mail"
    dark: str = "none"
    images: bool = False
    facts: bool = False
    variant: str = ""


@dataclass(frozen=True, slots=True)
class Typed:
    """What was typed into the form, so that no answer loses it."""

    name: str = ""
    comment: str = ""
    wishes: tuple[str, ...] = ()
    places: tuple[str, ...] = ()
    language: str = ""


@dataclass(frozen=True, slots=True)
class ApprovalPage:
    """One revision before its reader.

    `variants` are the letters of what is compared, `variant` is the one that is shown. `state` is open, working,
    question, approved, rejected or waiting; `obstacles` are codes of what stands in the way
    of an approval: view_only, blocked, imprint_missing, sender_missing, nobody_reachable, quota.
    """

    token: str
    csrf: str
    content_hash: str
    tenant: str
    campaign: str
    asked_by: str
    revision: int
    expires_at: datetime
    state: str
    status: str
    people: tuple[Person, ...]
    shown: Person
    languages: tuple[str, ...]
    choices: Choices
    mail: Mail
    claims: tuple[Claim, ...]
    findings: tuple[FindingView, ...]
    send: SendFacts
    remarks: tuple[Remark, ...]
    difference: Difference | None
    origin: Origin
    obstacles: tuple[str, ...] = ()
    typed: Typed = field(default=Typed())
    error: str | None = None
    bubble: Bubble | None = None
    spots: tuple[Spot, ...] = ()
    progress: Progress | None = None
    lines: tuple[Line, ...] = ()
    offers: tuple[Source, ...] = ()
    second: tuple[Second, ...] = ()
    held_because: str = ""
    variants: tuple[str, ...] = ("A",)
    variant: str = "A"

    @property
    def decided(self) -> Remark | None:
        """The decision on this revision that is in force."""
        verbs = {"approve", "revise", "reject"}
        mine = [r for r in self.remarks if r.verb in verbs and r.revision == self.revision and not r.voided_because]
        return mine[-1] if mine else None

    @property
    def may_withdraw(self) -> bool:
        """True while an approval can be taken back through this link."""
        return self.status in {"approved", "scheduled"} and "view_only" not in self.obstacles

    @property
    def may_waive(self) -> bool:
        """True while the reader may let a blocking finding pass."""
        return self.state == "open" and "view_only" not in self.obstacles

    @property
    def blockers(self) -> int:
        return sum(finding.blocks for finding in self.findings)

    @property
    def others(self) -> int:
        """How many more people get the message than those who can be looked at."""
        return max(0, self.send.will_send - len(self.people))


@dataclass(frozen=True, slots=True)
class Preferences:
    """The page behind the unsubscribe link.

    `address` is masked; `state` is receiving, asked, stopped, gone, sample or sample_choices; `more` leads to the
    choices on every channel.
    """

    token: str
    tenant: str
    address: str
    state: str
    since: datetime | None = None
    measured: bool = False
    saved: bool = False
    more: str = ""


def mask(address: str) -> str:
    """Return an address that its owner recognises and nobody else can use: j•••@example.org."""
    local, _, domain = address.rpartition("@")
    return f"{local[:1]}•••@{domain}" if local else "•••"
