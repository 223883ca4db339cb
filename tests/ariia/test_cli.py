"""What the command line says where the database cannot be opened: a sentence with the way out, no traceback."""

import sys

import pytest
from sqlalchemy.exc import OperationalError

from ariia import cli, process
from ariia.embedded.folder import AlreadyOpen
from ariia.migrate import SuperuserRefused

CREATE = ["ariia", "create-tenant", "--name", "Studio", "--slug", "studio"]
refused = OperationalError("SELECT 1", {}, Exception('connection to server at "127.0.0.1", port 1 failed'))


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (AlreadyOpen("/data is open in another service (process 7): stop that one"), "stop that one"),
        (SuperuserRefused("the database role 'postgres' is a superuser"), "is a superuser"),
        (refused, 'ARIIA_DATABASE_URL does not answer as it should: connection to server at "127.0.0.1"'),
    ],
)
def test_a_database_that_cannot_be_opened_ends_with_one_sentence(monkeypatch, error, said):
    _start_fails(monkeypatch, error)
    with pytest.raises(SystemExit) as ended:
        cli.main()
    assert said in str(ended.value.code)
    assert "Traceback" not in str(ended.value.code)


def test_a_mistake_of_ours_is_not_hidden(monkeypatch):
    _start_fails(monkeypatch, ZeroDivisionError("ours"))
    with pytest.raises(ZeroDivisionError):
        cli.main()


def _start_fails(monkeypatch, error: Exception) -> None:
    def prepare() -> None:
        raise error

    monkeypatch.setattr(process, "prepare", prepare)
    monkeypatch.setattr(cli, "_settings", lambda **_: None)
    monkeypatch.setattr(sys, "argv", CREATE)
