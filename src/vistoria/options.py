"""Reads options, of a model say; what is unknown or wrong is said, with what to write instead."""

from collections.abc import Mapping
from typing import Any, TypeVar

from pydantic import BaseModel, ConfigDict, ValidationError

from vistoria.errors import ConfigError, UnknownName

__all__ = ["Options", "read_options"]


class Options(BaseModel):
    """Base of all options: one annotated field with its default per option."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


_Options = TypeVar("_Options", bound=Options)


def read_options(cls: type[_Options], given: Mapping[str, Any], whose: str) -> _Options:
    """The options as `cls`; raises UnknownName or ConfigError. Text becomes numbers where due.

    `whose`: "gemini", "encoder" …
    """
    for name in given:
        if name not in cls.model_fields:
            raise UnknownName(f"{whose} option", name, tuple(sorted(cls.model_fields)))
    try:
        return cls.model_validate(dict(given))
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        place = ".".join(str(part) for part in first["loc"][:1])
        raise ConfigError(
            f"{whose} option {place!r}: {first['msg']}, got {given.get(place)!r}"
        ) from None
