"""The command line of figures: compare them with the raw events, and count them again."""

from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Annotated

import typer

from ariia.plans import refusals

_Whose = Annotated[str, typer.Argument(help="Slug or id of the tenant.")]


def commands(database: Callable[[], AbstractContextManager[object]]) -> typer.Typer:
    """Return the commands; `database` opens the one that the settings name."""
    app = typer.Typer(no_args_is_help=True, help="Check and rebuild the figures of tenants.")

    @app.command()
    def verify(tenant: _Whose) -> None:
        """Compare the figures of a tenant with the raw events; ends with 1 where one differs."""
        from ariia import plan_changes  # noqa: PLC0415 - loaded when asked for
        from domain.analytics import rollup  # noqa: PLC0415
        from kernel import db  # noqa: PLC0415

        with database(), refusals():
            tenant_id = plan_changes.find(tenant)
            with db.tenant_session(tenant_id) as session:
                wrong = rollup.verify(session)
                behind = rollup.state(session).behind
        for one in wrong:
            place = f"{one.level} {one.at} {one.channel} {one.language} variant {one.variant} link {one.link_n}"
            typer.echo(f"{one.campaign_id} {place} {one.detail} {one.metric}: kept {one.kept}, raw {one.raw}")
        typer.echo(f"{len(wrong)} figures differ; {behind} events wait to be counted")
        raise typer.Exit(1 if wrong else 0)

    @app.command()
    def rebuild(tenant: _Whose) -> None:
        """Forget the figures of a tenant and count all raw events again, in one transaction."""
        from ariia import plan_changes  # noqa: PLC0415
        from domain.analytics import rollup  # noqa: PLC0415
        from kernel import db  # noqa: PLC0415

        with database(), refusals():
            tenant_id = plan_changes.find(tenant)
            with db.tenant_session(tenant_id) as session:
                n = rollup.rebuild(session)
        typer.echo(f"{n} campaigns counted")

    return app
