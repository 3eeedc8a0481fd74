"""The one door to scipy, which is an extra: functions of the beta, gamma and normal laws."""

from functools import cache
from importlib import import_module
from typing import Any

from vistoria.errors import MissingExtra


@cache
def special() -> Any:
    """The module `scipy.special`; raises MissingExtra when scipy is not installed."""
    try:
        return import_module("scipy.special")
    except ImportError:
        raise MissingExtra("Statistics", "truth") from None
