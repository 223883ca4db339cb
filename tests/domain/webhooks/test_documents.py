"""docs/events.md and docs/webhooks.md say what the code does."""

import re
import subprocess
from pathlib import Path

import pytest

from domain.webhooks import catalog, rules

DOCS = Path(__file__).resolve().parents[3] / "docs"
ID, TIMESTAMP, BODY = "01a1fd04-d49d-7920-84d0-4329631c19ce", 1_700_000_000, '{"data":{"name":"Käthe"}}'.encode()


def block(language: str, containing: str) -> str:
    blocks = re.findall(rf"```{language}\n(.*?)```", (DOCS / "webhooks.md").read_text(), re.DOTALL)
    return next(text for text in blocks if containing in text)


def test_the_table_of_events_is_the_catalogue():
    assert catalog.as_markdown() in (DOCS / "events.md").read_text()


def test_the_schedule_of_the_document_is_the_schedule():
    assert "5 s, 5 min, 30 min, 2 h, 5 h, 10 h, 14 h, 20 h and 24 h" in (DOCS / "webhooks.md").read_text()
    assert rules.SCHEDULE == (5, 300, 1800, 7200, 18000, 36000, 50400, 72000, 86400)


def test_the_python_of_the_document_verifies_what_we_sign(monkeypatch):
    names: dict[str, object] = {}
    exec(block("python", "is_ours"), names)
    monkeypatch.setattr(names["time"], "time", lambda: TIMESTAMP + 10)
    secret = rules.new_secret()
    headers = rules.headers([rules.new_secret(), secret], ID, TIMESTAMP, BODY)
    assert names["is_ours"](secret, headers, BODY)
    assert not names["is_ours"](secret, headers, BODY + b" ")
    assert not names["is_ours"](rules.new_secret(), headers, BODY)


@pytest.mark.parametrize(("altered", "word"), [(b"", "ours"), (b" ", "forged")])
def test_the_shell_of_the_document_verifies_what_we_sign(tmp_path, altered, word):
    secret = rules.new_secret()
    signature = rules.headers([secret, rules.new_secret()], ID, TIMESTAMP, BODY)["webhook-signature"]
    (tmp_path / "body").write_bytes(BODY + altered)
    environment = {
        "SECRET": secret,
        "ID": ID,
        "TIMESTAMP": str(TIMESTAMP),
        "SIGNATURE": signature,
        "PATH": "/usr/bin:/bin",
    }
    done = subprocess.run(
        ["sh", "-c", block("sh", "openssl")], cwd=tmp_path, env=environment, capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == word


SOLD = {
    "crm.campaign": ("created", "updated", "deleted", "started", "completed"),
    "crm.campaign.recipient": ("sent", "opened", "clicked", "converted"),
    "crm.segment": ("created", "updated", "member_added", "member_removed", "calculated"),
    "crm.consent": ("granted", "withdrawn"),
    "crm.gdpr": ("exported", "erased"),
    "crm.plan": ("changed",),
}


@pytest.mark.parametrize("name", [f"{group}.{verb}" for group, verbs in SOLD.items() for verb in verbs])
def test_every_event_that_was_promised_is_in_the_catalogue(name):
    assert name in catalog.TYPES
