"""Settings whose values lie in files: ``SANIHUB_STORE__DSN_FILE`` names the file that holds ``SANIHUB_STORE__DSN``.

So that secrets of container engines and credentials of systemd need not stand in the environment, which every child
process and everybody who may look at a container sees.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from pydantic import BaseModel, SecretStr

from devices.errors import ConfigError

PREFIX, _SUFFIX = "sanihub_", "_file"
_MOST = 1024 * 1024  #: bytes of such a file


def with_files(variables: Mapping[str, str | None], settings: type[BaseModel]) -> dict[str, str | None]:
    """The variables (names in small letters) with the contents of those files in place of their names.

    A variable that is a setting by its own full name stays. Raises ConfigError: a file that cannot be read, a setting
    that is given both ways.
    """
    found = dict(variables)
    for name, file in variables.items():
        if not is_file_of_setting(name, settings) or not file:
            continue
        base = name.removesuffix(_SUFFIX)
        if base in variables:
            raise ConfigError(f"{name.upper()}: {base.upper()} is given as well; give one of them")
        del found[name]
        found[base] = _content(name, Path(file))
    return found


def is_file_of_setting(name: str, settings: type[BaseModel]) -> bool:
    """Whether a variable is that of a setting with ``_file`` behind it, and no setting itself."""
    if not (name.startswith(PREFIX) and name.endswith(_SUFFIX)):
        return False
    path = name.removeprefix(PREFIX)
    return not _is_setting(path, settings) and _is_setting(path.removesuffix(_SUFFIX), settings)


def _is_setting(path: str, model: type[BaseModel]) -> bool:
    first, _, rest = path.partition("__")
    field = model.model_fields.get(first)
    if field is None or not rest:
        return field is not None
    inner = field.annotation
    return isinstance(inner, type) and issubclass(inner, BaseModel) and _is_setting(rest, inner)


def _content(name: str, file: Path) -> str:
    try:
        with file.open("rb") as content:
            text = content.read(_MOST + 1)
        if len(text) > _MOST:
            raise ConfigError(f"{name.upper()}: {file} is too large for a setting")
        return text.decode("utf-8").strip("\r\n")
    except OSError as error:
        raise ConfigError(f"{name.upper()}: {file}: {error.strerror}") from None
    except UnicodeDecodeError:
        raise ConfigError(f"{name.upper()}: {file} is no text in UTF-8") from None


def stand_in(settings: BaseModel, text: str) -> bool:
    """Whether a secret of the settings stands in a text; an address without a password is none."""
    return any(secret in text for secret in _secrets(settings) if "://" not in secret or "@" in secret)


def _secrets(value: Any) -> Iterator[str]:
    if isinstance(value, SecretStr):
        yield from [found] if (found := value.get_secret_value()) else []
    elif isinstance(value, BaseModel):
        for name in type(value).model_fields:
            yield from _secrets(getattr(value, name))
    elif isinstance(value, list | tuple):
        for one in value:
            yield from _secrets(one)
