"""The command line of figures."""

from contextlib import nullcontext
from datetime import UTC, datetime

import ledger
from ledger import Happened
from sqlalchemy import text
from typer.testing import CliRunner

from ariia import analytics
from kernel import db

NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)


def call(*words: str):
    return CliRunner().invoke(analytics.commands(nullcontext), list(words))


def test_an_operator_finds_a_wrong_figure_and_counts_it_again(tenants):
    sent = ledger.messages(tenants.a, [(0, "email", "de", None)])
    ledger.write(tenants.a, [Happened(sent[0], "sent", NOON)])
    ledger.settle(tenants.a)
    tenant = str(tenants.a)
    fine = call("verify", tenant)
    assert (fine.exit_code, fine.output) == (0, "0 figures differ; 0 events wait to be counted\n")
    with db.tenant_session(tenants.a) as session:
        session.execute(text("UPDATE rollup_day SET sent = 7"))
    wrong = call("verify", tenant)
    assert wrong.exit_code == 1
    assert "day 2026-03-02 email de variant -1 link -1  sent: kept 7, raw 1" in wrong.output
    assert "1 figures differ" in wrong.output
    assert call("rebuild", tenant).output == "2 campaigns counted\n"
    assert call("verify", tenant).exit_code == 0
    unknown = call("verify", "nobody")
    assert unknown.exit_code == 1
