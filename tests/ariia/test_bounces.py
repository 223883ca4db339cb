import json

import pytest
from pydantic import ValidationError
from typer.testing import CliRunner

from ariia import inbound
from ariia.cli import app
from kernel.settings import Settings
from tests.channels.reports import samples


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "hard.eml").write_bytes(samples.POSTFIX)
    (tmp_path / "soft.eml").write_bytes(samples.SOFT["full"][0])
    labels = {
        "hard.eml": [{"reason": "userunknown", "hard": True}],
        "soft.eml": [{"reason": "userunknown", "hard": True}],
    }
    (tmp_path / "labels.json").write_text(json.dumps(labels))
    return tmp_path


def test_the_score_names_what_is_wrong(folder):
    labels = ["--labels", str(folder / "labels.json")]
    shown = CliRunner().invoke(app, ["bounces", "score", str(folder), *labels])
    assert shown.exit_code == 0
    assert "hard precision  100.0%" in shown.output
    assert "hard recall     50.0%" in shown.output
    assert "wrong soft.eml: userunknown read as mailboxfull" in shown.output
    figures = json.loads(CliRunner().invoke(app, ["bounces", "score", str(folder), *labels, "--json"]).output)
    assert (figures["hard_precision"], figures["hard_recall"], figures["recipient_found"]) == (1.0, 0.5, 1.0)
    assert figures["confusion"] == [{"label": "userunknown", "read": "mailboxfull", "count": 1}]


def test_one_mail_is_explained_in_words(folder):
    said = CliRunner().invoke(app, ["bounces", "read", str(folder / "hard.eml")]).output
    assert "This is: bounce." in said
    assert "anna@kunde.example: failed, user unknown; the address is wrong." in said
    assert CliRunner().invoke(app, ["bounces", "read", str(folder / "none.eml")]).exit_code == 2


def test_the_door_is_off_unless_asked_for_and_needs_its_domain(tmp_path):
    assert inbound.open_door(Settings()) is None
    with pytest.raises(ValidationError, match="ARIIA_BOUNCE_DOMAIN"):
        Settings(inbound_listen="127.0.0.1:0")


def test_the_door_listens_where_the_settings_say(tmp_path):
    settings = Settings(
        bounce_domain="b.studio.example", inbound_listen="127.0.0.1:0", inbound_lmtp=str(tmp_path / "lmtp")
    )
    door = inbound.open_door(settings)
    assert door is not None
    assert door.ports["smtp"] > 0
    assert (tmp_path / "lmtp").is_socket()
    door.stop()
    assert not (tmp_path / "lmtp").exists()


def test_a_taken_address_is_told(tmp_path):
    settings = Settings(bounce_domain="b.studio.example", inbound_listen="127.0.0.1:0")
    door = inbound.open_door(settings)
    assert door is not None
    with pytest.raises(OSError, match="address"):
        inbound.Door("b.studio.example", f"127.0.0.1:{door.ports['smtp']}", None).start()
    door.stop()
