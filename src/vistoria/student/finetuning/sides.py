"""Which rows a network is tuned on, and which of the training side it never sees.

A network that has seen a label tends to agree with it. So what follows the tuning rests on rows
without influence on its weights: the watched ones (when to stop, how sure it is), the validation
side (thresholds), the test side (figures).
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from vistoria.errors import UserError
from vistoria.student.dataset import TrainingSet, mark

__all__ = ["Sides", "sides_of"]

_WATCHED = 0.15  # of the assets to learn from


@dataclass(frozen=True, slots=True)
class Sides:
    """Rows that the network is tuned on, and rows of the same side that it is watched on."""

    taught: NDArray[np.bool_]
    watched: NDArray[np.bool_]

    @property
    def either(self) -> NDArray[np.bool_]:
        """Both."""
        return np.asarray(self.taught | self.watched)


def sides_of(rows: TrainingSet, seed: int = 0) -> Sides:
    """The division of the rows to learn from; validation and test rows are on neither side.

    All photos of an asset are on one side. A row that shows the same picture as a watched one is
    left out. Raises UserError where a side would be empty.
    """
    learned = np.asarray(rows.part == 0)
    places = np.array([mark(f"watched {seed} {one}") / 2**63 for one in rows.group.tolist()])
    watched = learned & (places < _WATCHED)
    taught = learned & ~watched & ~np.isin(rows.picture, rows.picture[watched])
    if not (watched.any() and taught.any()):
        raise UserError(
            f"{int(learned.sum())} rows of too few assets: none would be left to see when to stop; "
            "label more, or train without --fine-tune"
        )
    return Sides(taught, watched)
