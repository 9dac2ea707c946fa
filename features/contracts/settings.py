"""Everything an operator may turn, read once at the edge and handed down."""

from functools import cached_property
from pathlib import Path
from typing import Annotated, Final, Literal

from pydantic import AfterValidator, BeforeValidator, Field, SecretStr
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

SCHEMES: Final = ("postgresql://", "postgres://")
"""How the address of a PostgreSQL database begins."""

Place = Path | str | SecretStr
"""Where a ledger is: a file, or the address of a PostgreSQL database."""


def _is_address(store: SecretStr) -> SecretStr:
    text = store.get_secret_value()
    if text and not text.startswith(SCHEMES):
        raise ValueError("write postgresql://user:password@host:5432/database, or leave it empty")
    return store


def _apart(value: object) -> object:
    """Texts between commas."""
    if not isinstance(value, str):
        return value
    return tuple(part for text in value.split(",") if (part := text.strip()))


class Settings(BaseSettings):
    """Settings of one installation, from `LIANJING_*` environment variables.

    >>> Settings(home=Path("/srv/lianjing")).ledger_path.as_posix()
    '/srv/lianjing/ledger.db'
    """

    model_config = SettingsConfigDict(
        env_prefix="LIANJING_", frozen=True, extra="forbid", hide_input_in_errors=True
    )

    home: Path = Path(".lianjing")
    """Folder of everything that is written: ledger, bundles, reports, MLflow's embedded store."""
    store: Annotated[SecretStr, AfterValidator(_is_address)] = SecretStr("")
    """Address of the PostgreSQL database that holds the ledger; empty means a file in `home`."""
    scenarios: Annotated[tuple[Path, ...], NoDecode, BeforeValidator(_apart)] = ()
    """Files of scenarios beside those shipped, between commas; they are executed when read."""
    mlflow_uri: str = ""
    """MLflow tracking and registry store; empty means `sqlite:///<home>/mlflow.db`."""
    host: str = "127.0.0.1"
    port: Annotated[int, Field(ge=1, le=65535)] = 3000
    api_key_sha256: str = ""
    """SHA-256 (hex) of the platform's API key; empty refuses every call that needs one."""
    console_key_sha256: str = ""
    """SHA-256 (hex) of the reviewers' access key in embedded mode."""
    supervisor_key_sha256: str = ""
    """SHA-256 (hex) of the access key of those who may see measures of persons."""
    pseudonym_key: SecretStr = SecretStr("")
    """Key of the HMAC that replaces personal identifiers; empty refuses fields that need one."""
    pseudonym_key_id: str = "k1"
    rules: Path | None = None
    """Rulebook of fixed rules laid over the shipped one (`features.scenarios.rulebook`)."""
    alert_budget: Annotated[float, Field(gt=0, lt=1)] = 0.01
    """Share of events that reviewers have room for."""
    alert_line: Literal["rolling", "fixed"] = "rolling"
    """Whether the line above which an event is an alert moves with the latest scores, or was drawn
    once by the bundle."""
    review_period: Literal["day", "week", "month"] = "month"
    """Period that reviews are counted in."""
    control_key: SecretStr = SecretStr("")
    """Key that draws the control sample; empty means that there is none."""
    control_key_id: str = "c1"
    control_share: Annotated[float, Field(gt=0, lt=1)] = 0.2
    """Share of the reviews that the control sample takes."""
    sensitive_features: bool = False
    """Whether models take features that tell of the conduct of persons, or of ties between them,
    and supervisors see them; a service then needs `supervisor_key_sha256`."""
    body_limit: Annotated[int, Field(ge=1024)] = 65_536
    """Largest body of one call, in bytes."""
    rate_limit: Annotated[int, Field(ge=1)] = 10_000
    """Calls one key may make in ten seconds."""
    deadline_s: Annotated[float, Field(gt=0)] = 4.0
    """Seconds after which a call is answered 503 rather than late."""
    poll_s: Annotated[float, Field(gt=0)] = 2.0
    """Seconds between looks for a newly promoted bundle."""
    history_cache_rows: Annotated[int, Field(ge=10_000)] = 8_000_000
    """Rows of history that the live path of a scenario keeps in memory, at about 100 bytes."""
    history_packed_mb: Annotated[int, Field(ge=0)] = 384
    """Megabytes of further histories that it keeps there packed, 0 for none; five million events of
    half a million keys take 230."""

    @cached_property
    def ledger_path(self) -> Path:
        """SQLite file of ledger, history, records and deployments, where no `store` is named."""
        return self.home / "ledger.db"

    @property
    def ledger(self) -> Place:
        """Where ledger, history, records and deployments are: the database, or the file."""
        return self.store if self.has_store else self.ledger_path

    @property
    def has_store(self) -> bool:
        """Whether a database is named, which several services may share."""
        return bool(self.store.get_secret_value())

    @cached_property
    def bundles(self) -> Path:
        """Folder of promoted bundles, one a digest."""
        return self.home / "bundles"

    @cached_property
    def rulebooks(self) -> Path:
        """Folder of the fixed rules that verdicts were given by, one a digest."""
        return self.home / "rules"

    @cached_property
    def reports(self) -> Path:
        """Folder of quality and evaluation reports."""
        return self.home / "reports"

    @cached_property
    def tracking_uri(self) -> str:
        """Where MLflow keeps runs and the registry."""
        return self.mlflow_uri or f"sqlite:///{self.home / 'mlflow.db'}"
