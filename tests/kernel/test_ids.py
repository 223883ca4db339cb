"""Identifiers of one process sort in the order they were made in, whatever the clock does."""

import threading
from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from kernel.ids import Ids, new_id

# milliseconds the clock moves by before the next identifier; a clock that is set may go back far
MOVES = st.lists(st.integers(0, 2) | st.integers(-3_600_000, 3_600_000), min_size=1, max_size=60)
NOW = 1_795_000_000_000


@given(MOVES)
def test_identifiers_grow_while_the_clock_runs_stands_or_goes_back(moves):
    at, seen, latest = NOW, [], []
    ids = Ids(lambda: at * 1_000_000 + 999_999)
    for move in moves:
        at += move
        latest.append(max(at, *latest[-1:]) if latest else at)
        seen.append(ids())
    assert all(one < other for one, other in pairwise(seen))
    assert {(each.version, each.variant) for each in seen} == {(7, "specified in RFC 4122")}
    assert all(each.int >> 80 in {when, when + 1} for each, when in zip(seen, latest, strict=True))


def test_beyond_the_last_random_bits_the_time_goes_on(monkeypatch):
    monkeypatch.setattr("kernel.ids.secrets.randbits", lambda bits: 2**bits - 1)
    ids = Ids(lambda: NOW * 1_000_000)
    first, second = ids(), ids()
    assert first.int & (1 << 62) - 1 == (1 << 62) - 1
    assert first < second
    assert second.int >> 80 == NOW + 1
    assert (second.version, second.variant) == (7, "specified in RFC 4122")


def test_the_order_of_text_is_the_order_of_time():
    made = [new_id() for _ in range(2_000)]
    assert sorted(made) == sorted(made, key=str) == made


def test_neighbours_of_a_millisecond_cannot_be_counted():
    ids = Ids(lambda: NOW * 1_000_000)
    made = [ids().int & (1 << 62) - 1 for _ in range(200)]
    steps = {other - one for one, other in pairwise(made)}
    assert len(steps) > 190
    assert len({step >> 24 for step in steps}) > 100


def test_threads_share_one_order():
    made: list[list] = []

    def work():
        made.append([new_id() for _ in range(3_000)])

    threads = [threading.Thread(target=work) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert all(own == sorted(own) for own in made)
    assert len({each for own in made for each in own}) == 18_000
