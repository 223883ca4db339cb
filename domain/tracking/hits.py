"""A hit as bytes: what a request showed, small, and without the whole address of whoever made it."""

import struct
from collections.abc import Iterator, Sequence
from functools import lru_cache
from ipaddress import ip_address, ip_network
from typing import NamedTuple

OPENED, CLICKED, CONVERTED = range(3)
KINDS = ("opened", "clicked", "converted")
METHODS = {"GET": 0, "HEAD": 1, "POST": 2, "OPTIONS": 3}
PREFETCH = 0x80
_METHOD_NAMES = tuple(METHODS)
_TIME = struct.Struct(">q")
_HEAD = struct.Struct(">BBBBH16s16sH")  # kind, flags, lengths, tenant, message, link
_LONGEST_AGENT = 255
_LONGEST_DETAILS = 2_000
_V4_BITS, _V6_BITS = 24, 48


class Hit(NamedTuple):
    """One request, in bytes as it came. `at` is in microseconds since 1970, `network` the caller's /24 or /48."""

    tenant: bytes
    message: bytes
    kind: int
    flags: int
    link_n: int
    at: int
    network: bytes
    agent: bytes
    details: bytes

    @property
    def method(self) -> str:
        return _METHOD_NAMES[self.flags & ~PREFETCH]

    @property
    def prefetch(self) -> bool:
        return bool(self.flags & PREFETCH)


def pack(kind: int, flags: int, token: bytes, network: bytes, agent: bytes, details: bytes = b"") -> bytes:
    """Return a hit on what a checked token names (`Signer.check`); a long agent is cut. Raises ValueError."""
    if len(details) > _LONGEST_DETAILS:
        raise ValueError(f"details have at most {_LONGEST_DETAILS} bytes")
    agent = agent[:_LONGEST_AGENT]
    lengths = len(network), len(agent), len(details)
    head = _HEAD.pack(kind, flags, *lengths, token[2:18], token[18:34], token[34] << 8 | token[35])
    return head + network + agent + details


def batch(at: int, packed: Sequence[bytes]) -> bytes:
    """Return hits that came together as one record; `at` is in microseconds since 1970."""
    return _TIME.pack(at) + b"".join(packed)


def unbatch(record: bytes) -> Iterator[Hit]:
    """Yield the hits of a record, a microsecond apart. Raises ValueError for what is no record of ours."""
    try:
        (at,) = _TIME.unpack_from(record)
        place, end, head = _TIME.size, len(record), _HEAD.size
        while place < end:
            kind, flags, network, agent, details, tenant, message, link_n = _HEAD.unpack_from(record, place)
            one = place + head
            two = one + network
            three = two + agent
            place = three + details
            yield Hit(tenant, message, kind, flags, link_n, at, record[one:two], record[two:three], record[three:place])
            at += 1
    except struct.error as error:
        raise ValueError("this is no record of hits") from error
    if place != end:
        raise ValueError("this is no record of hits")


@lru_cache(maxsize=8_192)
def network_of(address: str) -> bytes:
    """Return the /24 or /48 that an address lies in; empty for what is no address."""
    try:
        ip = ip_address(address)
    except ValueError:
        return b""
    ip = getattr(ip, "ipv4_mapped", None) or ip
    bits = _V4_BITS if ip.version == 4 else _V6_BITS  # noqa: PLR2004 - the version of the protocol
    return str(ip_network((ip, bits), strict=False)).encode()
