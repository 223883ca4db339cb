"""What holds for every reference, every zone and every text."""

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agents.follow_up.when import Abstention, Grain, Resolution, absence, find, resolve
from agents.follow_up.when.values import grain_end

calm = settings(deadline=None)  # a busy machine is no fault
ZONES = ["Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "America/Santiago", "Asia/Kathmandu"]
LANGUAGES = st.sampled_from(["de", "en"])
REFS = st.builds(
    lambda wall, zone: wall.replace(tzinfo=UTC).astimezone(ZoneInfo(zone)),
    st.datetimes(datetime(2024, 1, 1), datetime(2034, 12, 31)),  # noqa: DTZ001 - made aware above
    st.sampled_from(ZONES),
)
FUTURE = [
    ("de", "morgen um 2:30 Uhr"),
    ("de", "um 2:30"),
    ("de", "in zwei Stunden"),
    ("de", "in 24 Stunden"),
    ("de", "in 3 Tagen"),
    ("de", "am 29. Februar"),
    ("de", "nächsten Sonntag um 2:15 Uhr"),
    ("de", "letzter Sonntag im März um 2:30 Uhr"),
    ("de", "letzter Sonntag im Oktober um 2:30 Uhr"),
    ("de", "eine Woche nach Ostern"),
    ("de", "viertel nach drei"),
    ("de", "am 31."),
    ("en", "tomorrow at 2:30 am"),
    ("en", "second sunday of march at 2:30am"),
    ("en", "first sunday of november at 1:30am"),
    ("en", "in half an hour"),
    ("en", "next friday"),
    ("en", "the day after tomorrow"),
    ("en", "at 5"),
    ("en", "midnight"),
    ("en", "thanksgiving"),
    ("en", "friday after next at noon"),
    ("en", "in 18 months"),
    ("en", "thursday 8:00 PST"),
]
HEAP = (
    "am um in der die den bis von vor nach heute morgen Montag Sa so März Mai 3 17 3:18 15. 1/2 2013-02-30 31.2. Uhr "
    "halb viertel nächsten letzten jeden Stunden Woche Ende Ostern zwei paar at on the of may second sun next last "
    "every half quarter past to tonight noon pm am PST weeks days ago from now 24 0 99999 0:00 24:00 , . - ( ) ' ½"
)
WORDS = HEAP.split()


@pytest.mark.parametrize(("lang", "text"), FUTURE)
@calm
@given(ref=REFS)
def test_a_future_phrase_lies_ahead_and_exists(lang: str, text: str, ref: datetime):
    answer = resolve(text, ref=ref, lang=lang)
    assert isinstance(answer, Resolution), (answer, ref)
    exact = answer.grain in {Grain.SECOND, Grain.MINUTE, Grain.HOUR}
    wall = answer.value.replace(tzinfo=None)
    ends = answer.value if exact else grain_end(wall, answer.grain).replace(tzinfo=ref.tzinfo)
    assert ends.astimezone(UTC) > ref.astimezone(UTC)
    assert answer.value.tzinfo is ref.tzinfo
    assert answer.value.astimezone(UTC).astimezone(ref.tzinfo).replace(tzinfo=None) == wall
    assert answer.value not in answer.alternatives
    assert all(other.astimezone(UTC) > ref.astimezone(UTC) for other in answer.alternatives)


def transitions(zone: ZoneInfo) -> list[datetime]:
    """Return the hours of ten years after which the offset of the zone is another one."""
    found, hour = [], datetime(2024, 1, 1, tzinfo=UTC)
    while hour.year < 2034:
        later = hour + timedelta(days=7)
        if hour.astimezone(zone).utcoffset() != later.astimezone(zone).utcoffset():
            same = hour.astimezone(zone).utcoffset()
            found.append(
                next(
                    at
                    for n in range(24 * 7)
                    if (at := hour + timedelta(hours=n + 1)).astimezone(zone).utcoffset() != same
                )
            )
        hour = later
    return found


@pytest.mark.parametrize("name", ZONES[:-1])
def test_times_around_every_change_of_the_clock_exist_and_lie_ahead(name: str):
    zone = ZoneInfo(name)
    changes = transitions(zone)
    assert len(changes) >= 19
    for change in changes:
        for hours in (-30, -5, -2, -1, 0, 1, 3):
            ref = (change + timedelta(hours=hours, minutes=7)).astimezone(zone)
            for text in ("um 2:30 Uhr", "um 2:15 Uhr", "morgen um 2:30 Uhr", "um 0:30 Uhr", "um Mitternacht"):
                answer = resolve(text, ref=ref, lang="de")
                assert isinstance(answer, Resolution), (text, ref)
                wall = answer.value.replace(tzinfo=None)
                assert answer.value.astimezone(UTC).astimezone(zone).replace(tzinfo=None) == wall
                assert timedelta(0) < answer.value.astimezone(UTC) - ref.astimezone(UTC) < timedelta(hours=51)


def test_a_time_in_a_gap_is_the_first_valid_minute_and_in_an_overlap_the_first():
    berlin = ZoneInfo("Europe/Berlin")
    gap = resolve("um 2:30 Uhr", ref=datetime(2026, 3, 28, 20, 0, tzinfo=berlin), lang="de")
    overlap = resolve("um 2:30 Uhr", ref=datetime(2026, 10, 24, 20, 0, tzinfo=berlin), lang="de")
    assert isinstance(gap, Resolution)
    assert isinstance(overlap, Resolution)
    assert gap.value.isoformat() == "2026-03-29T03:00:00+02:00"
    assert overlap.value.isoformat() == "2026-10-25T02:30:00+02:00"


@calm
@given(ref=REFS, hours=st.integers(1, 4000))
def test_hours_are_counted_on_the_clock_of_the_world(ref: datetime, hours: int):
    answer = resolve(f"in {hours} Stunden", ref=ref, lang="de")
    assert isinstance(answer, Resolution)
    assert answer.value.astimezone(UTC) - ref.astimezone(UTC) == timedelta(hours=hours)


@calm
@given(ref=REFS, days=st.integers(1, 700))
def test_days_are_counted_on_the_calendar(ref: datetime, days: int):
    for text, lang in ((f"in {days} Tagen", "de"), (f"in {days} days", "en")):
        answer = resolve(text, ref=ref, lang=lang)
        assert isinstance(answer, Resolution)
        assert answer.value.date() == ref.date() + timedelta(days=days)


@calm
@given(ref=REFS, day=st.dates(date(2025, 1, 1), date(2040, 12, 31)))
def test_a_full_date_means_that_day_or_is_past(ref: datetime, day: date):
    texts = (
        (day.strftime("%d.%m.%Y"), "de", None),
        (day.strftime("%m/%d/%Y"), "en", "en-US"),
        (day.strftime("%d/%m/%Y"), "en", "en-GB"),
        (day.isoformat(), "en", None),
    )
    for text, lang, locale in texts:
        answer = resolve(text, ref=ref, lang=lang, locale=locale)
        if day < ref.date():
            assert answer == Abstention("past")
        else:
            assert isinstance(answer, Resolution), (text, answer)
            assert (answer.value.date(), answer.alternatives) == (day, ())


@calm
@given(text=st.text(max_size=60), lang=LANGUAGES, ref=REFS)
def test_no_text_raises(text: str, lang: str, ref: datetime):
    _whatever_it_says(text, lang, ref)


@calm
@given(words=st.lists(st.sampled_from(WORDS), max_size=12), lang=LANGUAGES, ref=REFS)
def test_no_heap_of_time_words_raises(words: list[str], lang: str, ref: datetime):
    _whatever_it_says(" ".join(words), lang, ref)


def _whatever_it_says(text: str, lang: str, ref: datetime) -> None:
    for answer in (resolve(text, ref=ref, lang=lang), absence(text, ref=ref, lang=lang)):
        if isinstance(answer, Resolution):
            assert all(0 <= start < end <= len(text) for start, end in answer.spans)
    for found in find(text, lang=lang, ref=ref):
        assert text[found.start : found.end] == found.text
        assert isinstance(resolve(found.text, ref=ref, lang=lang), Resolution)


@calm
@given(ref=REFS)
def test_the_ends_of_the_calendar_are_no_answer(ref: datetime):
    last = ref.replace(year=9999, month=12, day=31)
    for text in ("in 999999 Jahren", "in 999999 Tagen", "übermorgen", "31.12.", "in 9999 Stunden"):
        assert isinstance(resolve(text, ref=last, lang="de"), Resolution | Abstention)


def test_a_reference_without_a_zone_and_another_language_are_refused():
    naive = datetime(2026, 3, 11, 14, 20)  # noqa: DTZ001 - the mistake under test
    with pytest.raises(ValueError, match="no time zone"):
        resolve("morgen", ref=naive, lang="de")
    with pytest.raises(ValueError, match="reads de and en"):
        resolve("demain", ref=naive.replace(tzinfo=UTC), lang="fr")
