"""What the tests of `gemini` share."""

from typing import Any

from tests.contracts.models import EVERY_KIND, jpeg
from tests.servers.gemini import KEY, GeminiServer
from vistoria.errors import VistoriaError
from vistoria.models import Model
from vistoria.models.gemini import Gemini, open_model
from vistoria.records import Picture

PHOTO = Picture(uri="/photos/1.jpg", data=jpeg(1), mime_type="image/jpeg")


def opened(server: GeminiServer, name: str = "", **options: Any) -> Gemini:
    """On the Developer API."""
    return open_model(name, {"base_url": server.url, "api_key": KEY, **options})


async def outcome(model: Model, picture: Picture = PHOTO, **how: Any) -> Any:
    """What asking comes to: a reply, or the error returned or raised."""
    try:
        (found,) = await model.ask(EVERY_KIND, [picture], **how)
    except VistoriaError as error:
        found = error  # type: ignore[assignment]
    finally:
        await model.aclose()
    return found
