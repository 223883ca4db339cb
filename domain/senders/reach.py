"""Where a tenant's relay may stand: judged by the addresses its name leads to, the first of which is connected to."""

import ipaddress
from dataclasses import replace

from channels.email.settings import Relay
from kernel import egress
from kernel.errors import Invalid
from kernel.settings import get_settings

PORTS = frozenset({25, 465, 587, 2525})


def pinned(relay: Relay) -> Relay:
    """Return the relay with the address that was found for it and may be connected to.

    Raises Invalid for a port that is none of mail and a name that leads inside, egress.Unreachable for a name that has
    no address now.
    """
    found = _addresses(relay)
    named = [ipaddress.ip_network(part.strip()) for part in get_settings().relay_networks.split(",") if part.strip()]
    inside = all(any(a in network for network in named if network.version == a.version) for a in found)
    if not inside:
        if not all(egress.is_public(address) for address in found):
            raise Invalid("settings.host", f"{relay.host} leads into a private network, where nothing may be sent")
        if relay.port not in PORTS:
            raise Invalid("settings.port", f"use one of {', '.join(map(str, sorted(PORTS)))}")
    return replace(relay, address=str(found[0]))


def _addresses(relay: Relay) -> list[egress.Address]:
    found = [ipaddress.ip_address(text.partition("%")[0]) for text in egress.look_up(relay.host, relay.port)]
    if not found:
        raise egress.Unreachable(f"no address was found for {relay.host}")
    return found
