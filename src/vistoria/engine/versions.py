"""Notices when another model answered than the one that was asked for."""

import re
from collections.abc import Iterable

from vistoria.events import Rerouted, Sink
from vistoria.records import Attempt

_MAKER = re.compile(r"[A-Za-z]+(?=[-.\d])")
_HASH = re.compile(r"-[0-9a-f]{12}$")  # of a file, which nobody can answer in place of
_VERSION = re.compile(r"([-@.](preview|exp|latest|v?\d+))*")


def another(model: str, version: str) -> bool:
    """Whether `version` names a model of the same maker, other than `provider:name`.

    A version of the model itself, such as `-001` or `-preview-05-20` after its name, is no other;
    where a version is no name of this kind (a file's hash), nothing can be said.
    """
    # Of a cascade, the teacher: its student answers under a name of its own.
    asked = model.rpartition(",")[2].partition(":")[2].rpartition("/")[2]
    given = version.rpartition("/")[2]
    maker = _MAKER.match(asked)
    if maker is None or _HASH.search(given) or not given.startswith(maker[0]):
        return False
    return not (given.startswith(asked) and _VERSION.fullmatch(given.removeprefix(asked)))


def others(model: str, versions: Iterable[str]) -> tuple[str, ...]:
    """Those of `versions` that are another model."""
    return tuple(version for version in versions if another(model, version))


class Versions:
    """Tells once of each model that answered in place of the one asked."""

    def __init__(self, model: str, emit: Sink) -> None:
        """`model`: `provider:name`."""
        self._model, self._emit = model, emit
        self._seen: set[str] = set()

    def look(self, attempts: Iterable[Attempt]) -> None:
        """At attempts as they come."""
        for version in {one.model_version for one in attempts} - self._seen:
            if version is None:
                continue
            self._seen.add(version)
            if another(self._model, version):
                self._emit(Rerouted(asked=self._model, answered=version))
