"""Campaign parameters keep what a link already says."""

from urllib.parse import parse_qsl, urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.content import utm

ALL = "utm_source=ariia&utm_medium=email&utm_campaign=herbst&utm_content=link-1"


@pytest.mark.parametrize(
    ("url", "decorated"),
    [
        ("https://a.example", f"https://a.example?{ALL}"),
        ("https://a.example/x?a=1&b=2", f"https://a.example/x?a=1&b=2&{ALL}"),
        ("https://a.example/x#top", f"https://a.example/x?{ALL}#top"),
        ("https://a.example/x?a=1#top?no", f"https://a.example/x?a=1&{ALL}#top?no"),
        ("https://a.example/x?", f"https://a.example/x?{ALL}"),
        ("https://a.example/x?a&", f"https://a.example/x?a&{ALL}"),
        ("https://a.example/?utm_source=x&UTM_Medium=y",
         "https://a.example/?utm_source=x&UTM_Medium=y&utm_campaign=herbst&utm_content=link-1"),
        ("mailto:a@b.example", "mailto:a@b.example"),
        ("tel:+49221", "tel:+49221"),
    ],
)  # fmt: skip
def test_query_and_fragment_stay_and_the_parameters_stand_between(url, decorated):
    assert utm.decorate(url, "Herbst", 0) == decorated


@pytest.mark.parametrize(
    ("name", "slug"),
    [("Herbst 2026: Größe & Spaß!", "herbst-2026-groesse-spass"), ("   ", "campaign"), ("日本", "campaign"),
     ("É" * 90, "e" * 60), ("a--b", "a-b")],
)  # fmt: skip
def test_a_name_becomes_plain_letters(name, slug):
    assert utm.slug(name) == slug


@given(st.lists(st.tuples(st.sampled_from("abcxyz"), st.text("abc123", max_size=5)), max_size=5), st.text(max_size=20))
def test_what_was_asked_for_is_still_asked_for(pairs, fragment):
    query = "&".join(f"{key}={value}" for key, value in pairs)
    url = "https://a.example/p" + (f"?{query}" if query else "") + (f"#{fragment}" if fragment else "")
    made = urlsplit(utm.decorate(url, "x", 4))
    assert parse_qsl(made.query, keep_blank_values=True)[: len(pairs)] == pairs
    assert made.fragment == urlsplit(url).fragment
    assert dict(parse_qsl(made.query))["utm_content"] == "link-5"


def test_plain_links_are_numbered_and_only_a_named_campaign_decorates():
    urls = ["https://a.example", "https://b.example/x"]
    assert utm.plain(urls, None, "email") == {"link:0": urls[0], "link:1": urls[1]}
    made = utm.plain(urls, "Herbst", "telegram")
    assert [dict(parse_qsl(urlsplit(url).query))["utm_content"] for url in made.values()] == ["link-1", "link-2"]
    assert {dict(parse_qsl(urlsplit(url).query))["utm_medium"] for url in made.values()} == {"telegram"}
