"""Every setting of the application, read from `ARIIA_*` once, and nowhere else."""

import ipaddress
import os
import re
import secrets
from contextlib import suppress
from decimal import Decimal
from pathlib import Path
from tempfile import NamedTemporaryFile
from typing import Literal, Self

from pydantic import Field, HttpUrl, SecretStr, field_validator, model_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

_DEFAULT_SECRETS = {"change-me", "changeme", "secret", "default"}
_SHORTEST_SECRET = 32
_VAULT_KEYS = re.compile(r"[1-9]\d{0,2}:[A-Za-z0-9_-]{43}=?(,[1-9]\d{0,2}:[A-Za-z0-9_-]{43}=?)*")


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
    vault_keys: SecretStr = Field(
        SecretStr(""),
        description="Keys that seal credentials, `2:<base64url of 32 bytes>,1:<…>`; the highest number seals. "
        "Without them the key comes from ARIIA_SECRET_KEY.",
    )
    dns_server: str | None = Field(
        None,
        pattern=r"^(\[[0-9a-fA-F:]+\]|[0-9.]+):\d{1,5}$",
        description="Name server for the checks of sender domains, `address:port`; without it the system's own.",
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
    relay_networks: str = Field(
        "",
        pattern=r"^[0-9a-fA-F.:/, ]*$",
        description="Private networks (CIDR, with commas) in which relays of tenants may stand, on any port.",
    )
    bounce_domain: str | None = Field(
        None,
        pattern=r"^[A-Za-z0-9][A-Za-z0-9.-]{0,188}[A-Za-z0-9]$",
        description="Domain of the signed return paths, whose MX leads to the inbound door; "
        "without it bounces go to the sender's own address.",
    )
    inbound_listen: str | None = Field(
        None,
        pattern=r"^(\[[0-9a-fA-F:]+\]|[^:/ ]+):\d{1,5}$",
        description="Where the inbound door takes returned mail by SMTP, `address:port`; off without it.",
    )
    inbound_lmtp: str | None = Field(
        None,
        description="The same by LMTP: `address:port` or the path of a Unix socket; off without it.",
    )
    inbound_certificate: Path | None = Field(
        None, description="Certificate chain (PEM) with which the inbound door offers STARTTLS; none without it."
    )
    inbound_key: Path | None = Field(None, description="The private key (PEM) of that certificate.")
    twilio_url: str | None = Field(
        None, description="Base URL of Twilio's interface; without it the provider itself (set it for a fake)."
    )
    telegram_url: str | None = Field(
        None, description="Base URL of Telegram's Bot API; without it the provider itself (or a server of your own)."
    )
    sns_url: str | None = Field(
        None,
        description="Base URL under which Amazon SNS is asked; without it the provider itself (set it for a fake).",
    )
    egress_allow: str = Field(
        "",
        pattern=r"^[A-Za-z0-9.:/, \[\]_-]*$",
        description="Where webhooks may go although it is not public: `host:port` or networks (CIDR), with commas.",
    )
    agent_hosts: str = Field(
        "",
        pattern=r"^[A-Za-z0-9.:*, \[\]-]*$",
        description="Hosts under which agents reach `/mcp` beside the public address: `host`, `host:port` or `host:*`, "
        "with commas.",
    )
    llm_base_url: str | None = Field(
        None,
        description="Base URL of an OpenAI-compatible server; without it texts are made from templates.",
    )
    llm_api_key: SecretStr = Field(SecretStr("none"), description="API key for the model server.")
    llm_model: str | None = Field(None, description="Model name to ask for; required with ARIIA_LLM_BASE_URL.")
    llm_azure_api_version: str | None = Field(
        None,
        description="API version of an Azure OpenAI resource; with it the base URL is the resource's and the model its "
        "deployment.",
    )
    llm_embedding_model: str | None = Field(
        None, description="Model for embeddings at the same server; without it the search is lexical only."
    )
    llm_embedding_dimensions: int | None = Field(
        None, ge=64, le=4_096, description="Numbers per vector to ask for, where the model can give fewer than its own."
    )
    llm_fallback_base_url: str | None = Field(
        None, description="Base URL of a second OpenAI-compatible server, asked when the first one does not answer."
    )
    llm_fallback_api_key: SecretStr = Field(SecretStr("none"), description="API key for the second model server.")
    llm_fallback_model: str | None = Field(
        None, description="Second model; without a base URL of its own it is asked at the first server."
    )
    llm_fallback_builtin: bool = Field(
        False, description="Let the built-in writer finish a draft that no model could; the draft says so."
    )
    llm_run_token_limit: int = Field(120_000, ge=1_000, description="Most tokens one draft may spend.")
    llm_month_token_limit: int = Field(
        5_000_000,
        ge=1_000,
        le=2_000_000_000,
        description="Most tokens the drafts of one tenant may spend in a calendar month of its time zone.",
    )
    llm_input_price: Decimal | None = Field(
        None,
        ge=0,
        description="What a million tokens that are read cost, in cents (or the currency's smallest unit); without it "
        "campaigns show tokens instead of money.",
    )
    llm_output_price: Decimal | None = Field(
        None, ge=0, description="What a million tokens that are written cost, in the same unit."
    )
    llm_embedding_price: Decimal | None = Field(
        None, ge=0, description="What a million tokens that are turned into vectors cost, in the same unit."
    )
    llm_currency: str = Field("EUR", pattern="^[A-Z]{3}$", description="Currency of the prices of tokens (ISO 4217).")
    knowledge_file_mb: int = Field(20, ge=1, le=50, description="Largest file of the knowledge base, MiB.")
    knowledge_pages: int = Field(1_000, ge=1, le=10_000, description="Most pages of a PDF that are read.")
    knowledge_seconds: int = Field(
        120, ge=5, le=3_600, description="Longest processor time that reading one file may take, seconds."
    )
    knowledge_memory_mb: int = Field(
        768, ge=256, le=16_384, description="Most memory of the process that reads one file, MiB."
    )
    log_level: Literal["debug", "info", "warning", "error"] = Field(
        "info", description="Least severe log level that is written."
    )
    statement_timeout_ms: int = Field(
        5_000, ge=100, description="Longest database statement of an API request, milliseconds."
    )
    preview_hours: int = Field(72, ge=1, le=336, description="Life of a preview link, hours.")
    tracking_journal_mb: int = Field(
        256,
        ge=1,
        le=100_000,
        description="Most MiB of opens and clicks kept on disk while the database does not take them.",
    )
    keep_tasks_days: int = Field(
        396, ge=1, le=3_650, description="How long tasks of agents are kept once their campaigns are over, days."
    )
    keep_steps_days: int = Field(
        90, ge=1, le=3_650, description="How long the steps of writing a campaign that is over are kept, days."
    )
    keep_callbacks_days: int = Field(
        90, ge=30, le=3_650, description="How long reports of providers are kept once they were read, days."
    )
    lease_seconds: int = Field(60, ge=5, le=600, description="Lease of a worker on claimed messages, seconds.")

    @model_validator(mode="after")
    def _refuse_half_a_configuration(self) -> Self:
        if self.llm_base_url and not self.llm_model:
            raise ValueError("ARIIA_LLM_BASE_URL is set but ARIIA_LLM_MODEL is not: name the model to ask for")
        if (self.inbound_listen or self.inbound_lmtp) and not self.bounce_domain:
            raise ValueError("ARIIA_INBOUND_… is set but ARIIA_BOUNCE_DOMAIN is not: name the domain it takes mail for")
        if (self.inbound_certificate is None) != (self.inbound_key is None):
            raise ValueError("ARIIA_INBOUND_CERTIFICATE and ARIIA_INBOUND_KEY are needed together: set both or neither")
        key = self.secret_key.get_secret_value()
        if key and (key.lower() in _DEFAULT_SECRETS or len(key) < _SHORTEST_SECRET):
            raise ValueError("ARIIA_SECRET_KEY is a default or shorter than 32 characters: set a random one")
        keys = self.vault_keys.get_secret_value()
        if keys and not _VAULT_KEYS.fullmatch(keys):
            raise ValueError("ARIIA_VAULT_KEYS must be 1:<32 random bytes in base64url>, more of them with commas")
        if self.environment == "production" and not key:
            raise ValueError("ARIIA_SECRET_KEY is missing: production needs its own, kept outside the database")
        if self.environment == "production" and self.public_url.scheme != "https":
            raise ValueError("ARIIA_PUBLIC_URL must start with https:// in production")
        return self

    @field_validator("relay_networks")
    @classmethod
    def _networks_are_networks(cls, value: str) -> str:
        for part in filter(None, (part.strip() for part in value.split(","))):
            ipaddress.ip_network(part)
        return value

    @property
    def agent_host_list(self) -> list[str]:
        """What a Host header may say at the doors of agents: the public address, loopback in development, and more."""
        address = self.base_url.partition("://")[2].partition("/")[0]
        more = [part.strip() for part in self.agent_hosts.split(",") if part.strip()]
        local = ["127.0.0.1:*", "localhost:*"] if self.environment == "development" else []
        return [address, *local, *more]

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
