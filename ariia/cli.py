"""The command line: `python -m ariia.cli`, or `./dev …`."""

import json
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from pydantic import HttpUrl, ValidationError
from rich.console import Console

from ariia import analytics, bounces, follow_ups, plans, tenants
from kernel import names
from kernel import settings as kernel_settings
from kernel.settings import Settings

if TYPE_CHECKING:
    from ariia.process import Prepared

app = typer.Typer(no_args_is_help=True, add_completion=False, help="ARIIA Campaigns")
_console = Console()
_DATA = Path(__file__).resolve().parent.parent / ".ariia"


def _settings(**changes: object) -> Settings:
    """Read the settings; a mistake ends the program with one line per setting."""
    try:
        settings = Settings()
        return kernel_settings.use(settings.model_copy(update=changes) if changes else settings)
    except ValidationError as error:
        for item in error.errors():
            _console.print(f"[red]setting[/] {'.'.join(map(str, item['loc'])) or ''} {item['msg']}")
        raise typer.Exit(2) from None


def _in_data(name: str) -> dict[str, object]:
    """Use a data folder of our own unless ARIIA_DATA_DIR names one."""
    return {"data_dir": _DATA / name} if Settings().data_dir == Settings.model_fields["data_dir"].default else {}


@contextmanager
def _database() -> "Iterator[Prepared]":
    """Open the database of the settings for one command."""
    from ariia import process  # noqa: PLC0415 - each command loads what it needs

    _settings(**_in_data("serve"))
    prepared = process.prepare()
    try:
        yield prepared
    finally:
        prepared.stop()


@app.command()
def demo() -> None:
    """Run the main job on the demo studio, from a member file and one sentence to mails in a mailbox."""
    from ariia.demo import run  # noqa: PLC0415 - each command loads what it needs

    raise typer.Exit(run.main(_settings(**_in_data("demo"), log_level="warning")))


@app.command()
def serve(
    empty: Annotated[bool, typer.Option("--empty", help="Without the demo tenant.")] = False,
    port: Annotated[int, typer.Option(help="Port on this machine.")] = 8321,
    host: Annotated[str, typer.Option(help="Address to listen on.")] = "127.0.0.1",
) -> None:
    """Start the service and print its address, a preview link and an API key."""
    from ariia import serve as service  # noqa: PLC0415
    from ariia import welcome  # noqa: PLC0415

    quiet = {} if "log_level" in Settings().model_fields_set else {"log_level": "warning"}
    settings = _settings(**_in_data("serve"), **quiet)
    if settings.public_url == Settings.model_fields["public_url"].default:
        kernel_settings.use(settings.model_copy(update={"public_url": HttpUrl(f"http://{host}:{port}")}))
    service.run_forever(host=host, port=port, announce=lambda: welcome.announce(_console, with_demo=not empty))


@app.command()
def openapi() -> None:
    """Print the OpenAPI document as JSON."""
    from api.app import create_app  # noqa: PLC0415

    print(json.dumps(create_app().openapi(), indent=2, ensure_ascii=False))


@app.command()
def doctor() -> None:
    """Say what is missing here and how to get it."""
    from ariia import doctor as examiner  # noqa: PLC0415

    bad = False
    for verdict in examiner.examine(_settings()):
        mark = {True: "[green]ok[/]", False: "[red]missing[/]", None: "[yellow]default[/]"}[verdict.good]
        _console.print(f"{verdict.part:14} {mark:20} {verdict.text}", highlight=False)
        bad = bad or verdict.good is False
    raise typer.Exit(1 if bad else 0)


@app.command("create-tenant")
def create_tenant(
    name: Annotated[str, typer.Option(help="Name of the business.")],
    slug: Annotated[str, typer.Option(help="Short name, a-z, 0-9 and -.")],
    tier: Annotated[str, typer.Option(help="starter, professional, business or enterprise.")] = "starter",
    time_zone: Annotated[str, typer.Option(help="IANA name.")] = "Europe/Berlin",
    language: Annotated[str, typer.Option(help="de or en.")] = "de",
) -> None:
    """Make a tenant and print its first API key, once. The service must not run on the same embedded database."""
    from ariia import bootstrap, process  # noqa: PLC0415
    from kernel.errors import AriiaError  # noqa: PLC0415

    _settings(**_in_data("serve"))
    prepared = process.prepare()
    facts = {"name": name, "slug": slug, "tier": tier, "time_zone": time_zone, "language": language}
    try:
        made = bootstrap.create_tenant(facts)
    except AriiaError as error:
        _console.print(f"[red]{error.detail}[/]")
        raise typer.Exit(1) from None
    finally:
        prepared.stop()
    _console.print(f"tenant  {made.tenant_id}\nAPI key {made.api_key}", highlight=False)


@app.command("reseal-secrets")
def reseal_secrets() -> None:
    """Put credentials and DKIM keys under the newest key of ARIIA_VAULT_KEYS; safe while the service runs."""
    from ariia import process  # noqa: PLC0415
    from domain.senders import rotation  # noqa: PLC0415
    from kernel.vault import BadSeal  # noqa: PLC0415

    _settings(**_in_data("serve"))
    prepared = process.prepare()
    try:
        done = rotation.reseal_all()
    except BadSeal as error:
        _console.print(f"[red]{error}[/]")
        raise typer.Exit(1) from None
    finally:
        prepared.stop()
    _console.print(f"{done} secret(s) sealed anew")


@app.command("check-migrations")
def check_migrations() -> None:
    """Compare the models with a freshly migrated database."""
    import tempfile  # noqa: PLC0415

    from sqlalchemy import create_engine  # noqa: PLC0415

    from ariia import migrate  # noqa: PLC0415
    from ariia.embedded import postgres  # noqa: PLC0415

    with tempfile.TemporaryDirectory() as scratch, postgres.start(Path(scratch) / "pg", durable=False) as server:
        migrate.upgrade(server.owner_url, "ariia_app")
        engine = create_engine(server.owner_url)
        found = migrate.differences(engine)
        engine.dispose()
    for difference in found:
        _console.print(str(difference))
    _console.print("migrations are up to date" if not found else f"{len(found)} difference(s): write a migration")
    raise typer.Exit(1 if found else 0)


@app.command()
def assets() -> None:
    """Build style sheet, scripts and icons."""
    from ariia import assets as builder  # noqa: PLC0415

    raise typer.Exit(builder.build(_console.print))


@app.command("demo-data")
def demo_data(folder: Annotated[Path, typer.Argument(help="Where the files go.")]) -> None:
    """Write the demo studio's member file and histories."""
    from ariia.demo import members  # noqa: PLC0415
    from kernel import clock  # noqa: PLC0415

    members.write(folder, clock.now().date())
    _console.print(f"written to {folder}")


app.add_typer(analytics.commands(_database), name="analytics")
app.add_typer(bounces.app, name="bounces")
app.add_typer(follow_ups.app, name="follow-ups")
app.add_typer(plans.commands(_database), name="plan")
app.add_typer(tenants.commands(_database), name="tenants")


def main() -> None:
    """Start the command line."""
    try:
        names.check()
    except names.ShadowedName as error:
        sys.exit(str(error))
    try:
        app()
    except Exception as error:
        reason = _no_database(error)
        if reason is None:
            raise
        sys.exit(reason)


def _no_database(error: Exception) -> str | None:
    """Return why the database cannot be opened and the way out; None for every other error."""
    from sqlalchemy.exc import OperationalError  # noqa: PLC0415

    from ariia.embedded.programs import CannotRun  # noqa: PLC0415
    from ariia.migrate import SuperuserRefused  # noqa: PLC0415

    if isinstance(error, CannotRun | SuperuserRefused):
        return str(error)
    if isinstance(error, OperationalError):
        return f"The database of ARIIA_DATABASE_URL does not answer as it should: {str(error.orig).strip()}"
    return None


if __name__ == "__main__":
    main()
