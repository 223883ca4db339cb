"""What a larger audience costs the sender: `./dev bench growth [--largest 1000000] [--messages 20000] [--quick]`.

For audiences ten times larger each: fixing the recipients (rows a second), then a sender process of its own that sends
the same number of messages out of that audience into `smtp-sink`: its peak memory and its CPU seconds per 1,000. Needs
Debian's package postfix.
"""

import json
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from uuid import UUID

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "tests"))
sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from bench import measure, sending, smtp_client
from kernel import settings

_MEMORY_RATIO, _MEMORY = 1.05, 96_000_000
_SENDER = Path(__file__).with_name("growth_sender.py")


@dataclass(frozen=True)
class Sender:
    """What a sender process used. `memory` in bytes, `cpu` and `seconds` for all its messages."""

    sent: int
    seconds: float
    cpu: float
    memory: int


def sender(url: str, tenant_id: UUID, campaign_id: UUID, messages: int) -> Sender:
    with smtp_client.smtp_sink() as port:
        words = [url, settings.get_settings().data_dir, tenant_id, campaign_id, port, messages]
        done = subprocess.run(
            [sys.executable, str(_SENDER), *map(str, words)],
            capture_output=True,
            text=True,
            timeout=600,
            check=True,
        )
    return Sender(**json.loads(done.stdout.splitlines()[-1]))


def main() -> None:
    chosen = measure.options(__doc__, largest=(1_000_000, "members"), messages=(20_000, "messages to send of each"))
    largest, messages = (20_000, 2_000) if chosen.quick else (chosen.largest, chosen.messages)
    sizes = [size for size in (20_000, 200_000, 1_000_000, 2_000_000) if size < largest] + [largest]
    seen: dict[int, Sender] = {}
    fixed: dict[int, float] = {}
    with measure.database(durable=False) as server:
        for size in sizes:
            tenant_id = sending.tenant_with(size, slug=f"bench-{size}")
            campaign_id, took, _ = sending.campaign_of(tenant_id, 0)
            fixed[size] = size / took
            seen[size] = sender(server.app_url, tenant_id, campaign_id, messages)
            one = seen[size]
            print(
                f"{size:,} recipients: fixed at {fixed[size]:,.0f}/s; {one.sent / one.seconds:,.0f} messages/s, CPU "
                f"{one.cpu / one.sent * 1_000:.3f} s per 1,000, peak {one.memory / 1e6:.0f} MB",
                flush=True,
            )
    small, large = seen[sizes[0]], seen[sizes[-1]]
    ratio = large.memory / small.memory
    measure.keep(
        f"sender with {sizes[-1]:,} recipients",
        goal=f"P4: memory ≤ {_MEMORY_RATIO} × that with {sizes[0]:,}, ≤ {_MEMORY // 1_000_000} MB",
        seen=f"peak {large.memory / 1e6:.0f} MB, {ratio:.3f} × that with {sizes[0]:,}; CPU per message "
        f"{large.cpu / large.sent / (small.cpu / small.sent):.2f} ×",
        met=ratio <= _MEMORY_RATIO and large.memory <= _MEMORY,
        quick=chosen.quick,
        recipients_fixed_per_second={f"{size:,}": f"{rate:,.0f}" for size, rate in fixed.items()},
        cpu_seconds_per_1000={f"{size:,}": f"{one.cpu / one.sent * 1_000:.3f}" for size, one in seen.items()},
        messages_per_second={f"{size:,}": f"{one.sent / one.seconds:,.0f}" for size, one in seen.items()},
    )


if __name__ == "__main__":
    main()
