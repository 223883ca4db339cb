"""Free text within 24 hours after the person wrote, and never a moment later."""

from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from channels.whatsapp import window

NOW = datetime(2026, 11, 21, 12, tzinfo=UTC)


@given(st.timedeltas(timedelta(0), timedelta(days=3)))
def test_the_window_is_open_for_24_hours_less_five_minutes(ago):
    expected = ago < timedelta(hours=23, minutes=55)
    assert window.takes_free_text(NOW - ago, NOW) is expected


@given(st.timedeltas(timedelta(microseconds=1), timedelta(days=3)))
def test_a_message_from_the_future_opens_nothing(ahead):
    assert not window.takes_free_text(NOW + ahead, NOW)


def test_whoever_never_wrote_gets_templates():
    assert not window.takes_free_text(None, NOW)
    assert window.closes_at(NOW) == NOW + timedelta(hours=23, minutes=55)
