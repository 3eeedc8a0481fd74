"""The seam of embedding models: a picture as numbers, computed by a service."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

from vistoria.errors import ObservationError
from vistoria.records import Capabilities, Picture, Usage

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


@dataclass(frozen=True, slots=True)
class Vector:
    """A picture as float32 numbers (dimensions,), and what that was billed."""

    values: "NDArray[np.float32]"
    usage: Usage


class Embedding(Protocol):
    """Turns pictures into numbers."""

    name: str
    """As the user names it, `provider:model`; also whose prices hold."""
    version: str
    """What answers bear: the service's own version if it tells one."""
    dimensions: int
    """Numbers per picture."""
    settings: Mapping[str, Any]
    """Everything besides the name that changes the numbers. JSON values only."""
    capabilities: Capabilities

    async def embed(self, picture: Picture) -> Vector | ObservationError:
        """The numbers of one picture alone, or why it has none.

        Raises TransientError (RateLimited) when another try may help, UserError when none can.
        """

    async def aclose(self) -> None:
        """Close connections."""
