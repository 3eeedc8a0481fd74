"""The images: one object read from each bucket, or one image by the way that a run takes."""

from collections.abc import Iterator
from urllib.parse import quote

from vistoria import opening
from vistoria.cloud.finding import Finding
from vistoria.cloud.visit import Visit
from vistoria.errors import AccessDenied, TransientError, UserError
from vistoria.google_problem import read_problem

_BUCKETS = 20


def after(visit: Visit) -> tuple[str, ...]:
    """The rows that name them, and for buckets who asks. Images of an old snapshot are gone."""
    rows = ("query", "snapshot") if visit.wants_bigquery else ("source",)
    return (
        "model",
        *rows,
        *(("credentials",) if visit.wants_bigquery or visit.wants_storage else ()),
    )


def needless(visit: Visit) -> str | None:
    """A model may not look at them."""
    try:
        kind = visit.model.capabilities.image.kind
    except UserError:
        return None  # the check of the model says it
    return "the model opens none" if kind == "none" else None


def look(visit: Visit) -> Iterator[Finding]:
    """Reads one image of each place."""
    refs = visit.sample()
    asked = visit.wants_storage or visit.wants_bigquery
    stored = [ref.uri for ref in refs if asked and ref.uri.startswith("gs://")]
    buckets = {uri.split("/", 3)[2]: uri for uri in stored}
    for bucket, uri in list(buckets.items())[:_BUCKETS]:
        yield _object(visit, bucket, uri)
    others = [ref for ref in refs if ref.uri not in stored]
    if others:
        load = opening.open_images(visit.project)
        picture = load(others[0], visit.model.capabilities.image)
        size = f"{picture.width} × {picture.height}" if picture.width else "by reference"
        yield Finding(check="images", status="pass", said=f"{others[0].uri}: {size}")
    if not refs:
        yield Finding(
            check="images", status="unchecked",
            said="finding an image would read more than 1 GiB of BigQuery",
            mend="name one: vistoria doctor --image gs://bucket/path",
        )  # fmt: skip


def _object(visit: Visit, bucket: str, uri: str) -> Finding:
    """By the metadata of one object, which needs the same permission as its bytes."""
    from requests import RequestException  # noqa: PLC0415 - of an extra

    key = quote(uri.split("/", 3)[3], safe="")
    url = f"{visit.clients.host('storage')}/storage/v1/b/{bucket}/o/{key}"
    try:
        answer = visit.clients.session().get(url, timeout=30)
    except RequestException as error:
        raise TransientError(f"Cloud Storage does not answer: {error}") from None
    if answer.status_code == 404:
        return Finding(
            check=f"images {bucket}", status="fail", said=f"there is no object {uri}",
            mend="images go when their snapshot expires: take rows of the newest one "
            "(a table that ends in _latest)",
        )  # fmt: skip
    if answer.status_code >= 400:
        said = read_problem(answer.status_code, answer.content).said
        return visit.failed(f"images {bucket}", _refused(answer.status_code, bucket, said))
    kind = str(answer.json().get("contentType") or "no type")
    if not kind.startswith("image/"):
        return Finding(
            check=f"images {bucket}", status="warn", said=f"{uri} is stored as {kind}",
            mend="give it the type of an image: gcloud storage objects update --content-type=…",
        )  # fmt: skip
    said = f"gs://{bucket} is readable: {kind}"
    return Finding(check=f"images {bucket}", status="pass", said=said)


def _refused(status: int, bucket: str, said: str) -> AccessDenied | TransientError:
    if status >= 500 or status == 429:
        return TransientError(f"Cloud Storage: HTTP {status} {said}")
    permission = "" if "storage." in said else " storage.objects.get is missing."
    return AccessDenied(f"you may not read gs://{bucket}:{permission} {said}")
