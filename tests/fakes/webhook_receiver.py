"""A tenant's own server: checks signatures with nothing of ours, answers by script, and remembers the order.

`python tests/fakes/webhook_receiver.py <file> <secret>` serves in a process of its own: it prints its port and
appends a line `id type aggregate sequence` for each webhook whose signature is right.
"""

import base64
import hashlib
import hmac
import json
import sys
import threading
import time
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from fakes.http_provider import Answer, HttpProvider, Seen

TOLERANCE_SECONDS = 300


def verified(secret: str, headers: dict[str, str], body: bytes, *, now: float | None = None) -> bool:
    """As www.standardwebhooks.com says: any v1 signature that fits, and a time of the last five minutes."""
    if abs((time.time() if now is None else now) - int(headers["webhook-timestamp"])) > TOLERANCE_SECONDS:
        return False
    signed = headers["webhook-id"].encode() + b"." + headers["webhook-timestamp"].encode() + b"." + body
    right = base64.standard_b64encode(hmac.digest(base64.b64decode(secret[6:]), signed, hashlib.sha256))
    given = [entry.split(",", 1) for entry in headers["webhook-signature"].split(" ")]
    return any(version == "v1" and hmac.compare_digest(value.encode(), right) for version, value in given)


@dataclass(frozen=True)
class Got:
    """A webhook with a right signature."""

    id: str
    type: str
    aggregate: str
    sequence: int | None
    data: dict[str, Any] = field(hash=False)
    at: float


class WebhookReceiver(HttpProvider):
    """`secrets` are those it accepts; `script(got) -> status` decides the answer, 204 without one."""

    def __init__(self, *secrets: str) -> None:
        super().__init__()
        self.secrets = list(secrets)
        self.got: list[Got] = []
        self.refused = 0
        self.script: Any = None
        self._writing = threading.Lock()

    def answer(self, seen: Seen) -> Answer:
        if not any(verified(secret, seen.headers, seen.body) for secret in self.secrets):
            self.refused += 1
            return 401, {"error": "signature"}
        body = json.loads(seen.body)
        aggregate = body["data"]["aggregate"]["id"]
        got = Got(
            seen.headers["webhook-id"], body["type"], aggregate, body["data"].get("sequence"), body["data"], seen.at
        )
        status = self.script(got) if self.script else 204
        if 200 <= status < 300:
            with self._writing:
                self.got.append(got)
        return status, {"status": status}

    @property
    def ids(self) -> Counter[str]:
        return Counter(got.id for got in self.got)

    def firsts(self) -> dict[str, list[int | None]]:
        """The sequences of each aggregate as they first arrived."""
        return firsts((got.id, got.aggregate, got.sequence) for got in self.got)


def firsts(rows: Any) -> dict[str, list[int | None]]:
    known, found = set(), {}
    for event_id, aggregate, sequence in rows:
        if event_id not in known:
            known.add(event_id)
            found.setdefault(aggregate, []).append(sequence)
    return found


def main() -> None:
    path, secret = sys.argv[1:]
    with WebhookReceiver(secret) as receiver, Path(path).open("a") as lines:

        def note(got: Got) -> int:
            lines.write(f"{got.id} {got.type} {got.aggregate} {got.sequence}\n")
            lines.flush()
            return 204

        receiver.script = note
        sys.stdout.write(receiver.url.rpartition(":")[2] + "\n")
        sys.stdout.flush()
        sys.stdin.read()


if __name__ == "__main__":
    main()
