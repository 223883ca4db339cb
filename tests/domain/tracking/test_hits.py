"""Hits as bytes, and where callers come from only roughly."""

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.tracking import hits
from kernel.ids import new_id
from kernel.tokens import BadToken, Signer, hint_of

SIGNER = Signer({0: b"x" * 32})

ONE = st.tuples(
    st.integers(0, 2), st.sampled_from(sorted(hits.METHODS)), st.booleans(), st.integers(0, 0xFFFF),
    st.binary(max_size=30), st.binary(max_size=400), st.binary(max_size=200),
)  # fmt: skip


@given(st.lists(ONE, max_size=8), st.integers(0, 2**52))
def test_what_is_packed_is_unpacked_the_same(shapes, at):
    packed, expected = [], []
    for n, (kind, method, prefetch, link_n, network, agent, details) in enumerate(shapes):
        tenant, message = new_id(), new_id()
        body = SIGNER.check("c", SIGNER.sign("c", tenant, message, link_n, hint_of(tenant, "de")))
        flags = hits.METHODS[method] | (hits.PREFETCH if prefetch else 0)
        packed.append(hits.pack(kind, flags, body, network, agent, details))
        expected.append((tenant.bytes, message.bytes, kind, flags, link_n, at + n, network, agent[:255], details))
    found = list(hits.unbatch(hits.batch(at, packed)))
    assert [tuple(hit) for hit in found] == expected
    assert [hit.method for hit in found] == [shape[1] for shape in shapes]
    assert [hit.prefetch for hit in found] == [shape[2] for shape in shapes]


@given(st.binary(max_size=200))
def test_any_other_bytes_are_refused_or_end(raw):
    with contextlib.suppress(ValueError):
        list(hits.unbatch(raw))


@pytest.mark.parametrize(
    ("address", "network"),
    [
        ("203.0.113.77", b"203.0.113.0/24"),
        ("2001:db8:1:2:3:4:5:6", b"2001:db8:1::/48"),
        ("::ffff:203.0.113.77", b"203.0.113.0/24"),
        ("not an address", b""),
        ("", b""),
    ],
)
def test_an_address_is_kept_as_its_neighbourhood(address, network):
    assert hits.network_of(address) == network


def test_ten_thousand_flipped_bits_open_nothing():
    token = SIGNER.sign("c", new_id(), new_id(), 3, hint_of(new_id(), "de"))
    letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_+/="
    accepted = 0
    tried = 0
    while tried < 10_000:
        for place in range(len(token)):
            for letter in letters:
                altered = token[:place] + letter + token[place + 1 :]
                if altered == token:
                    continue
                tried += 1
                try:
                    SIGNER.check("c", altered)
                    accepted += 1
                except BadToken:
                    pass
        token = SIGNER.sign("c", new_id(), new_id(), 7)
    assert accepted == 0


def test_a_token_opens_only_its_own_door():
    for kind in "ocuprsv":
        token = SIGNER.sign(kind, new_id(), new_id())
        for other in set("ocuprsv") - {kind}:
            with pytest.raises(BadToken):
                SIGNER.check(other, token)


def test_a_hint_has_eight_bytes_or_none():
    with pytest.raises(ValueError, match="eight"):
        SIGNER.sign("c", new_id(), new_id(), 0, b"1234")
