"""Nobody can add a table and forget to say what it holds about people."""

import pytest
from sqlalchemy import PrimaryKeyConstraint, UniqueConstraint

from domain.privacy.holdings import ANSWERS, HOLDINGS, IDS_ALONE, NOBODYS, OF_TABLE, OF_THE_TEAM
from models import Base

TABLES = Base.metadata.tables
ADDRESSES = {"address", "address_norm", "email", "email_norm", "phone", "chat_id", "envelope_from", "raw", "chat"}
SPEAKING = {"first_name", "last_name", "text"}


def test_every_table_says_what_it_holds_about_people_and_none_says_it_twice():
    kinds = [set(OF_TABLE), set(IDS_ALONE), set(OF_THE_TEAM), set(NOBODYS), {ANSWERS}]
    said = [name for kind in kinds for name in kind]
    assert sorted(said) == sorted(set(said))
    assert len(HOLDINGS) == len(OF_TABLE)
    assert set(TABLES) - set(said) == set(), "say in domain/privacy/holdings.py what the new table holds about members"
    assert set(said) - set(TABLES) == set(), "there is no such table"


def test_a_table_with_a_member_or_an_address_holds_something():
    for name, table in TABLES.items():
        columns = set(table.c.keys())
        to_member = any(key.referred_table.name == "member" for key in table.foreign_key_constraints)
        if to_member or ("member_id" in columns and name not in IDS_ALONE):
            assert name in OF_TABLE, name
        if columns & (ADDRESSES | SPEAKING) and "tenant_id" in columns:
            assert name in set(OF_TABLE) | OF_THE_TEAM | {"chunk", "chat_turn"}, (
                name,
                columns & (ADDRESSES | SPEAKING),
            )


def test_what_goes_with_the_member_really_does():
    for holding in HOLDINGS:
        keys = TABLES[holding.table].foreign_key_constraints
        parents = {key.referred_table.name for key in keys if key.ondelete == "CASCADE"}
        if holding.erasure == "cascade":
            assert parents & {"member", "conversation"}, holding.table
        if holding.erasure == "blank" and holding.table != "message_event":
            for column, value in holding.blank.items():
                assert value is not None or TABLES[holding.table].c[column].nullable, (holding.table, column)
        if holding.erasure == "keep":
            free = {key.referred_table.name for key in keys if (key.ondelete or "").startswith("SET NULL")}
            assert "member" in free or holding.by == "message", holding.table


# The index of suppressions has those in force alone; an erasure asks for the lifted ones, too, in a small table.
SMALL = {"suppression"}
KEYS = {
    "id": ["id"],
    "chat": ["id"],
    "member": ["tenant_id", "member_id"],
    "message": ["tenant_id", "message_id"],
    "conversation": ["tenant_id", "conversation_id"],
    "address": ["tenant_id", "channel", "address_norm"],
}


def leading(table):
    """Return the columns of every index of a table, in their order."""
    keys = [key for key in table.constraints if isinstance(key, UniqueConstraint | PrimaryKeyConstraint)]
    return [[column.name for column in each.columns] for each in [*table.indexes, *keys]]


@pytest.mark.parametrize("holding", [one for one in HOLDINGS if one.table not in SMALL], ids=lambda one: one.table)
def test_a_persons_rows_are_found_by_an_index(holding):
    wanted = KEYS[holding.by]
    indexes = leading(TABLES[holding.table])
    assert any(columns[: len(wanted)] == wanted for columns in indexes), indexes
