"""Every setting of the application, read from `ARIIA_*` once, and nowhere else."""

import os
import secrets
from contextlib import suppress
from pathlib import Path
from tempfile import NamedTemporaryFile
from typing import Literal, Self

from pydantic import Field, HttpUrl, SecretStr, model_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

_DEFAULT_SECRETS = {"change-me", "changeme", "secret", "default"}
_SHORTEST_SECRET = 32


class Settings(BaseSettings):
    """One frozen model; every field has a help text that `docs/operate.md` repeats."""

    model_config = SettingsConfigDict(env_prefix="ARIIA_", frozen=True, extra="ignore")

    environment: Literal["development", "production"] = Field(
        "development", description="`production` refuses to start with missing or default secrets."
    )
    data_dir: Path = Field(
        Path(".ariia/data"),
        description="Folder of the embedded database, the mailbox and the generated secret key.",
    )
    database_url: str | None = Field(
        None,
        description="External PostgreSQL ≥ 15 (`postgresql://…`); without it the embedded server is started.",
    )
    database_pool: int = Field(10, ge=2, le=200, description="Database connections per process.")
    public_url: HttpUrl = Field(
        HttpUrl("http://127.0.0.1:8321"),
        description="Address under which people reach the service; goes into links.",
    )
    secret_key: SecretStr = Field(
        SecretStr(""),
        description="Key of links, CSRF and audit chain, ≥ 32 characters; made on the first start if empty.",
    )
    redis_url: str | None = Field(
        None,
        description="Redis as doorbell between processes; without it worker and beat run in the web process.",
    )
    smtp_url: str | None = Field(
        None,
        description="Mail relay: `smtp://`, `smtp+starttls://` or `smtps://user:password@host:port`; "
        "without it mail goes to the built-in mailbox.",
    )
    smtp_sessions: int = Field(
        8,
        ge=1,
        le=256,
        description="Parallel sessions to the relay per worker; bounds the unknowns after a crash.",
    )
    llm_base_url: str | None = Field(
        None,
        description="Base URL of an OpenAI-compatible server; without it texts are made from templates.",
    )
    llm_api_key: SecretStr = Field(SecretStr("none"), description="API key for the model server.")
    llm_model: str | None = Field(None, description="Model name to ask for; required with ARIIA_LLM_BASE_URL.")
    llm_run_token_limit: int = Field(120_000, ge=1_000, description="Most tokens one draft may spend.")
    log_level: Literal["debug", "info", "warning", "error"] = Field(
        "info", description="Least severe log level that is written."
    )
    statement_timeout_ms: int = Field(
        5_000, ge=100, description="Longest database statement of an API request, milliseconds."
    )
    preview_hours: int = Field(72, ge=1, le=336, description="Life of a preview link, hours.")
    lease_seconds: int = Field(60, ge=5, le=600, description="Lease of a worker on claimed messages, seconds.")

    @model_validator(mode="after")
    def _refuse_half_a_configuration(self) -> Self:
        if self.llm_base_url and not self.llm_model:
            raise ValueError("ARIIA_LLM_BASE_URL is set but ARIIA_LLM_MODEL is not: name the model to ask for")
        key = self.secret_key.get_secret_value()
        if key and (key.lower() in _DEFAULT_SECRETS or len(key) < _SHORTEST_SECRET):
            raise ValueError("ARIIA_SECRET_KEY is a default or shorter than 32 characters: set a random one")
        if self.environment == "production" and not key:
            raise ValueError("ARIIA_SECRET_KEY is missing: production needs its own, kept outside the database")
        if self.environment == "production" and self.public_url.scheme != "https":
            raise ValueError("ARIIA_PUBLIC_URL must start with https:// in production")
        return self

    @property
    def base_url(self) -> str:
        """The public address without a closing slash."""
        return str(self.public_url).rstrip("/")


def _with_kept_secret(settings: Settings) -> Settings:
    """Give a development install a secret of its own, kept in a 0600 file in the data folder."""
    if settings.secret_key.get_secret_value():
        return settings
    path = settings.data_dir / "secret.key"
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    if not path.exists():
        with NamedTemporaryFile("w", dir=path.parent) as draft:  # created 0600
            draft.write(secrets.token_urlsafe(48))
            draft.flush()
            with suppress(FileExistsError):
                os.link(draft.name, path)
    return settings.model_copy(update={"secret_key": SecretStr(path.read_text().strip())})


_current: Settings | None = None


def get_settings() -> Settings:
    """Return the settings of this process; the environment is read once.

    Raises pydantic.ValidationError with one clear line per setting that is missing or default.
    """
    return _current if _current is not None else use(Settings())


def use(settings: Settings) -> Settings:
    """Make `settings` those of this process (serve picks ports, tests pick everything)."""
    global _current  # noqa: PLW0603 - one process, one set of settings
    _current = _with_kept_secret(settings)
    return _current
