"""Reading mails back out of the mailbox, and looking at them as a strict reader would."""

import email
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import default
from pathlib import Path
from typing import cast

# What must never reach a reader: an unfilled slot, a greeting without a name, a rendered attack.
_BROKEN = re.compile(r"\{\??[a-z_]+|\}|\bNone\b|Hallo ,|Hello ,|<script|<img src=x|lorem ipsum|\bnull\b", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Mail:
    """One mail as received."""

    path: Path
    message: EmailMessage

    @property
    def to(self) -> str:
        """The address in the To header, in lower case, its domain in letters rather than in the ASCII form."""
        header = self.message["To"]
        addresses: tuple[Address, ...] = header.addresses if header else ()
        local, _, domain = (addresses[0].addr_spec if addresses else "").lower().rpartition("@")
        return f"{local}@{domain.encode().decode('idna') if domain.isascii() else domain}"

    @property
    def subject(self) -> str:
        return str(self.message["Subject"] or "")

    def part(self, subtype: str) -> str:
        """Return the text of `plain` or `html`, empty where the mail has none."""
        body = self.message.get_body(preferencelist=(subtype,))
        return str(cast("EmailMessage", body).get_content()) if body else ""

    def header(self, name: str) -> str:
        return str(self.message[name] or "")


def read(path: Path) -> Mail:
    """Return the mail in a file."""
    return Mail(path, email.message_from_bytes(path.read_bytes(), policy=default))


def greeting(mail: Mail) -> str:
    """Return the first line of the plain text that greets."""
    for line in mail.part("plain").splitlines():
        if re.match(r"(Hallo|Guten|Liebe|Hello|Hi|Dear|Good)\b", line.strip()):
            return line.strip()
    return ""


def problems(mail: Mail, *, sender: str, prices: Sequence[str], postal_address: str) -> list[str]:
    """Return what is wrong with a mail; empty when nothing is. `prices`: one price as each language writes it."""
    plain, html = mail.part("plain"), mail.part("html")
    found = {
        "no List-Unsubscribe": mail.header("List-Unsubscribe").startswith("<http"),
        "no one-click unsubscribe": mail.header("List-Unsubscribe-Post") == "List-Unsubscribe=One-Click",
        "no text part": bool(plain.strip()),
        "no HTML part": "<" in html,
        "no Message-ID": mail.header("Message-ID").startswith("<"),
        "another sender": sender in mail.header("From"),
        "no greeting": bool(greeting(mail)),
        "no price": any(price in _spaces(plain) and price in _spaces(html) for price in prices),
        "no postal address": postal_address.rsplit(",", maxsplit=1)[-1].strip() in _spaces(plain),
        "no subject": bool(mail.subject.strip()),
        "an injected header": mail.message["Bcc"] is None and mail.message["Cc"] is None,
    }
    wrong = [what for what, right in found.items() if not right]
    broken = _BROKEN.search(f"{mail.subject}\n{plain}")
    if broken:
        wrong.append(f"the text holds {broken.group(0)!r}")
    if re.search(r"<script|<img src=x", html, re.IGNORECASE):
        wrong.append("HTML from a name")
    return wrong


def _spaces(text: str) -> str:
    """Return text with every kind of space as one plain space."""
    return re.sub(r"(?:\s|&nbsp;|&#160;|\xa0|\u202f)+", " ", text)


def kept(folder: Path) -> dict[Path, int]:
    """Return the mails in the mailbox folder, each with the time it was written."""
    return {path: path.stat().st_mtime_ns for path in folder.rglob("*.eml")}


def arrived(folder: Path, before: Mapping[Path, int]) -> list[Path]:
    """Return the mails that were written since `before` was looked at, also under a name used before."""
    return sorted(path for path, written in kept(folder).items() if before.get(path) != written)
