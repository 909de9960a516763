"""Settings of publishing to Grafana: ``[grafana]`` and ``[grafana.database]``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, SecretStr, model_validator

from devices.errors import ConfigError

Uid = Annotated[str, Field(pattern=r"^[A-Za-z0-9_-]{1,40}$")]
SslMode = Literal["disable", "require", "verify-ca", "verify-full"]
Language = Literal["zh", "en", "both"]
URL = r"^(https?://[^\s?#@]+)?$"


class DatabaseSection(BaseModel):
    """How Grafana reaches the hub's database, and as whom. What is None is taken from the store's own connection."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    host: str | None = Field(None, min_length=1, max_length=255, description="as seen from Grafana")
    port: int | None = Field(None, ge=1, le=65_535, description="as seen from Grafana")
    name: str | None = Field(None, min_length=1, max_length=63, description="of the database")
    user: str = Field("sanihub_boards", pattern=r"^[a-z_][a-z0-9_]{0,62}$", description="the role that boards read as")
    password: SecretStr | None = Field(None, description="None: made, and kept in the data folder")
    sslmode: SslMode | None = Field(None, description="of Grafana to the database; None: by where that is")
    root_certificate: str | None = Field(None, description="of the database; a PEM file on Grafana's machine")
    make_role: bool = Field(True, description="make the role, and keep it as it should be")
    connections: int = Field(20, ge=2, le=1_000, description="of the role at once")
    statement_timeout_s: int = Field(30, ge=1, le=3_600, description="that a query of a board may take")

    @model_validator(mode="after")
    def _password_is_known(self) -> DatabaseSection:
        if not self.make_role and self.password is None:
            raise ValueError("password: make_role is false, so the password of the role must be given")
        return self


class GrafanaSection(BaseModel):
    """The Grafana that boards are published to, and what is published."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    url: str = Field("", pattern=URL, description="http(s)://host[:port][/path]")
    token: SecretStr | None = Field(None, description="of a service account of Grafana's")
    token_file: Path | None = Field(None, description="a file with that token, in its place")
    verify: bool = Field(True, description="of an https address: hold its certificate against the authorities")
    ca: Path | None = Field(None, description="a PEM file of authorities in place of the usual ones")
    organisation: int | None = Field(None, ge=1, description="its number; None: that of the token")
    timeout_s: float = Field(10.0, gt=0, le=300, description="that an answer may take")
    language: Language = Field("both", description="of the boards")
    board_address: str = Field("", pattern=URL, description="of the live board, which panels link to")
    source_name: str = Field("sanihub", min_length=1, max_length=190, description="of the data source")
    source_uid: Uid = Field("sanihub", description="of the data source")
    database: DatabaseSection = DatabaseSection()

    @model_validator(mode="after")
    def _trust_is_one_thing(self) -> GrafanaSection:
        if self.ca is not None and not self.verify:
            raise ValueError("ca: it says whom to trust, and verify = false says to trust everybody")
        return self

    def secret_token(self) -> str:
        """The token of the service account: the one that is given, else that of its file. Raises ConfigError."""
        where, text = "grafana.token", self.token.get_secret_value() if self.token is not None else ""
        if not text and self.token_file is not None:
            where = f"grafana.token_file: {self.token_file}"
            try:
                text = self.token_file.read_text("utf-8")
            except (OSError, UnicodeDecodeError) as error:
                raise ConfigError(f"{where}: {getattr(error, 'strerror', None) or 'no text'}") from None
        token = text.strip()
        if not token:
            raise ConfigError(
                f"{where}: expected the token of a service account; give it as SANIHUB_GRAFANA__TOKEN or in a file "
                "that grafana.token_file names"
            )
        if not token.isascii() or not token.isprintable() or " " in token:
            raise ConfigError(f"{where}: expected one word of printable ASCII, as Grafana gives it out")
        return token

    def trusted(self) -> bool | str:
        """Whether the certificate is checked, and by what file where one is named. Raises ConfigError."""
        if self.ca is None:
            return self.verify
        if not self.ca.is_file():
            raise ConfigError(f"grafana.ca: {self.ca}: no such file")
        return str(self.ca)

    def languages(self) -> tuple[Literal["zh", "en"], ...]:
        """The languages that are published."""
        return ("zh", "en") if self.language == "both" else (self.language,)
