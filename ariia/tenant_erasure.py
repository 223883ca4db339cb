"""What an operator does to take a tenant away: stop it, delete its files and its rows, and say what was done."""

import base64
import re
import shutil
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from uuid import UUID

from rich.console import Console
from sqlalchemy import Engine, create_engine, select

from domain.privacy import tenants
from kernel import db
from models import Message

_console = Console()
_AT_ONCE = 500
_LONGEST_HEAD = 256 * 1024
_FOLD = re.compile(rb"\r?\n[ \t]+")
_MESSAGE_ID = re.compile(rb"^message-id:\s*<([0-9a-f-]{36})@", re.IGNORECASE | re.MULTILINE)
_TOKEN = re.compile(rb"[A-Za-z0-9_-]{60,}")
_TENANT = slice(2, 18)  # of a signed link, see kernel.tokens

Ask = Callable[[str, str], bool]


def erase(owner_url: str, data_dir: Path, word: str, *, reason: str, ask: Ask | None) -> None:
    """Take the tenant `word` (slug or id) away; `ask` gets its name and slug and says whether to go on.

    Raises NotFound. What an interrupted run left is deleted by the next.
    """
    owner = create_engine(db.driver_url(owner_url))
    try:
        found = tenants.find(owner, word)
        if found.begun:
            _say(f"The erasure of '{found.slug}' has begun before and goes on.")
        elif ask is not None and not ask(found.name, found.slug):
            _say("Nothing was changed.")
            return
        tenants.begin(owner, found.tenant_id, reason=reason)
        _say("Stopped: nothing goes out any more, and no key, link or webhook works.")
        files = _delete_files(owner, data_dir, found)
        rows: Counter[str] = Counter()
        for table, n in tenants.sweep(owner, found.tenant_id):
            rows[table] += n
        _say(f"Deleted {rows.total()} row(s) of {len(rows)} table(s) and {files} file(s). Nothing is left.")
    finally:
        owner.dispose()


def _say(text: str) -> None:
    _console.print(text, highlight=False, soft_wrap=True)


def _delete_files(owner: Engine, data_dir: Path, found: tenants.Found) -> int:
    """Delete the mails that the built-in mailbox keeps of the tenant, and its folder of demo files; return how many."""
    n, mails = 0, sorted((data_dir / "mailbox" / "new").glob("*.eml"))
    for first in range(0, len(mails), _AT_ONCE):
        for path in _of_tenant(owner, found.tenant_id, mails[first : first + _AT_ONCE]):
            path.unlink(missing_ok=True)
            n += 1
    folder = data_dir / "demo" / found.slug
    if folder.parent == data_dir / "demo" and folder.is_dir():
        n += sum(path.is_file() for path in folder.rglob("*"))
        shutil.rmtree(folder)
    return n


def _of_tenant(owner: Engine, tenant_id: UUID, paths: list[Path]) -> Iterator[Path]:
    """Yield the mails that are the tenant's: by the id of a message, or by a link that names the tenant."""
    heads = {path: _head(path) for path in paths}
    ids = {path: UUID(found[1].decode()) for path, head in heads.items() if (found := _MESSAGE_ID.search(head))}
    with db.session_on(owner, tenant_id) as session:
        mine = select(Message.id).where(Message.tenant_id == tenant_id, Message.id.in_(ids.values()))
        known = set(session.execute(mine).scalars())
    for path, head in heads.items():
        if ids.get(path) in known or any(_names(token, tenant_id) for token in _TOKEN.findall(head)):
            yield path


def _head(path: Path) -> bytes:
    with path.open("rb") as file:
        head = file.read(_LONGEST_HEAD).partition(b"\r\n\r\n")[0]
    return _FOLD.sub(b"", head)


def _names(token: bytes, tenant_id: UUID) -> bool:
    raw = base64.urlsafe_b64decode(token + b"=" * (-len(token) % 4)) if len(token) % 4 != 1 else b""
    return raw[_TENANT] == tenant_id.bytes
