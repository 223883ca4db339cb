"""The command line of tenants: taking one away for good."""

from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ariia.plans import refusals

if TYPE_CHECKING:
    from ariia.process import Prepared


def commands(database: "Callable[[], AbstractContextManager[Prepared]]") -> typer.Typer:
    """Return the commands; `database` opens the one that the settings name."""
    app = typer.Typer(no_args_is_help=True, help="Take tenants away.")

    @app.callback()
    def of_tenants() -> None:
        """Take tenants away."""

    @app.command()
    def erase(
        tenant: Annotated[str, typer.Argument(help="Slug or id of the tenant.")],
        reason: Annotated[str, typer.Option(help="Why; it is kept with the date.")] = "on request",
        *,
        yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
    ) -> None:
        """Stop a tenant and delete everything it has; an interrupted run is taken up by the same command."""
        from ariia import tenant_erasure  # noqa: PLC0415 - loaded when asked for

        with database() as prepared, refusals():
            tenant_erasure.erase(
                prepared.owner_url, Path(prepared.settings.data_dir), tenant, reason=reason, ask=None if yes else _asked
            )

    return app


def _asked(name: str, slug: str) -> bool:
    """Ask for the short name to be typed; say whether it was."""
    typer.echo(f"Everything of '{name}' is deleted for good: members, messages, campaigns, keys, files.")
    return bool(typer.prompt(f"Type '{slug}' to go on") == slug)
