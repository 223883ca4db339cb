"""One colour in, readable ones out."""

import re

from hypothesis import given
from hypothesis import strategies as st

from preview import brand

COLOURS = st.integers(0, 0xFFFFFF).map(lambda n: f"#{n:06x}")


@given(COLOURS)
def test_every_colour_becomes_one_that_can_be_read(colour):
    pairs = dict(re.findall(r"--([a-z-]+):light-dark\((#\w{6},#\w{6})\)", brand.style(colour)))
    for n, ground in enumerate(("#ffffff", "#161d24")):
        tone, soft, strong, on = (
            pairs[key].split(",")[n] for key in ("brand", "brand-soft", "brand-strong", "on-brand")
        )
        assert brand.contrast(tone, ground) >= 4.5
        assert brand.contrast(strong, soft) >= 4.5
        assert brand.contrast(on, tone) >= 4.5


def test_a_colour_that_reads_well_stays_as_it_is():
    assert "--brand:light-dark(#1e7d4f," in brand.style("#1e7d4f")


def test_what_is_no_colour_is_left_out():
    for colour in (None, "", "red", "#fff", "#12345g", "#123456;background:url(x)", '"><script>'):
        assert brand.style(colour) == ""
