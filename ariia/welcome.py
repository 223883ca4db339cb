"""What a new user of `./dev serve` sees: the address, and, with the demo tenant, a key and a preview link."""

import json
from datetime import timedelta
from zoneinfo import ZoneInfo

from rich.console import Console

from ariia import bootstrap
from ariia.demo import members, prepare
from ariia.demo.client import Api
from ariia.demo.progress import Screen
from kernel import clock
from kernel.ids import new_id
from kernel.settings import get_settings

_FILE = "demo-tenant.json"
_PATIENCE = timedelta(seconds=60)


def announce(console: Console, *, with_demo: bool) -> None:
    """Print the address; with the demo, make its tenant on the first start and print key and preview link."""
    url = get_settings().base_url
    console.print(f"\n[bold]ARIIA Campaigns[/] listens on {url}", highlight=False)
    if not with_demo:
        console.print("Make a tenant while it is stopped: ./dev exec python -m ariia.cli create-tenant --help")
        return
    try:
        kept, link = _demo(console)
    except Exception as error:  # noqa: BLE001 - the service runs; only the demo tenant is missing
        console.print(f"[red]The demo tenant could not be made:[/] {error}")
        return
    lines = {
        "API key": kept["api_key"],
        "Preview link": link,
        "Sign in": f"{kept['email']} with {kept['password']} (POST {url}/api/v1/sessions; a person may approve)",
        "API document": f"{url}/openapi.json",
    }
    for name, value in lines.items():
        console.print(f"{name:<13} {value}", highlight=False, soft_wrap=True)


def _demo(console: Console) -> tuple[dict[str, str], str]:
    """Return what opens the demo tenant, kept in a 0600 file of the data folder, and its preview link."""
    path = get_settings().data_dir / _FILE
    if not path.exists():
        kept = _make(console)
        path.touch(mode=0o600)
        path.write_text(json.dumps(kept))
    kept = json.loads(path.read_text())
    api = Api(get_settings().base_url, kept["api_key"])
    link = api.post(f"/campaigns/{kept['campaign']}/preview-links", {"purpose": "approve"})["url"]
    return kept, link


def _make(console: Console) -> dict[str, str]:
    screen = Screen(console)
    studio = prepare.facts()
    zone = ZoneInfo(studio["time_zone"])
    today = clock.now().astimezone(zone).date()
    made = bootstrap.create_tenant(studio | {"slug": f"{studio['slug']}-{new_id().hex[-6:]}"})
    api = Api(get_settings().base_url, made.api_key)
    folder = get_settings().data_dir / "demo"
    members.write(folder, today)
    owner = prepare.people_and_sender(api, studio)
    prepare.import_members(api, screen, folder, attested_by=studio["people"][0]["name"])
    prepare.knowledge(api, screen, today)
    prepare.chats(api, screen, today, zone)
    prepare.approve_follow_ups(owner.api(get_settings().base_url))
    campaign = str(prepare.campaign(api, studio)["id"])
    api.post(f"/campaigns/{campaign}/generate", {})
    prepare.wait_for_draft(api, campaign, _PATIENCE)
    return {"api_key": made.api_key, "campaign": campaign, "email": owner.email, "password": owner.password}
