"""One call of Gemini: what came back, or the error that it stands for."""

from vistoria.errors import ObservationError, TransientError
from vistoria.models._gemini_service import Service
from vistoria.models._google_errors import google_error
from vistoria.models._http import Http
from vistoria.records import Picture


async def call(
    service: Service, http: Http, body: bytes, *, model: str, picture: Picture
) -> bytes | ObservationError:
    """The body of the answer, or why this picture has none. `model`: its plain name.

    Raises TransientError (RateLimited) when another try may help, UserError when none can.
    """
    url, headers = await service.target()
    answer = await http.post(url, headers, body)
    if answer.status == 200:
        return answer.body
    if answer.status == 401 and service.refused(headers):
        raise TransientError("Google refused a token before its time; fetching another")
    error = google_error(answer, model=model, uri=picture.uri, by_reference=picture.data is None)
    if isinstance(error, ObservationError):
        return error
    raise error
