"""What the doctor's checks share: the project, what it needs, and what earlier checks found."""

import re
from functools import cached_property
from itertools import islice

from vistoria import opening
from vistoria.cloud.clients import Clients
from vistoria.cloud.finding import Finding, failed
from vistoria.cloud.imagery import Dataset
from vistoria.errors import VistoriaError
from vistoria.models import Model
from vistoria.project import Project
from vistoria.records import ImageRef
from vistoria.sources import Selection, Source
from vistoria.task import Task

__all__ = ["Visit"]

_BIGQUERY = re.compile(r"(?:bigquery|bq):/{0,2}(.*)")
_OWN_WAY = {"bearer_token", "service_account", "skip_signature"}  # of [images] store
_ROWS = 1_000  # of a local table that are looked at


class Visit:
    """One examination. What it opens is opened once; errors come again each time it is asked."""

    def __init__(self, project: Project, *, image: str | None = None, ask: bool = True) -> None:
        """`image`: the address of an image to read; `ask`: call the model, for a fraction of a
        cent."""
        self.project, self.image, self.may_ask = project, image, ask
        self.google = project.google.settings
        self.dataset: Dataset | None = None
        self.source: Source | None = None
        self.refs: list[ImageRef] = [ImageRef(image)] if image else []

    # What the project needs

    @property
    def wants_bigquery(self) -> bool:
        """Its rows are in BigQuery."""
        return _BIGQUERY.fullmatch(self.project.source.address or "") is not None

    @cached_property
    def wants_vertex(self) -> bool:
        """Its model answers for a Google account."""
        try:
            return self.model.capabilities.sign_in == "google"
        except VistoriaError:
            return False

    @cached_property
    def wants_storage(self) -> bool:
        """Its images are in Cloud Storage, and somebody will read them with a Google account."""
        if _OWN_WAY & set(self.project.images.store):
            return False
        try:
            if self.model.capabilities.image.kind == "none":
                return False
            return any(ref.uri.startswith("gs://") for ref in self.sample())
        except VistoriaError:
            return False

    @property
    def wants_google(self) -> bool:
        """Anything of Google's that is asked by account."""
        return self.wants_bigquery or self.wants_vertex or self.wants_storage

    @property
    def staging(self) -> str | None:
        """Where the files of batch jobs go."""
        given = self.project.model.options.get("staging")
        return str(given) if given else None

    # What is opened

    @cached_property
    def model(self) -> Model:
        """The model; raises UserError."""
        return opening.open_model(self.project)

    @cached_property
    def task(self) -> Task:
        """The task; raises UserError."""
        return opening.open_task(self.project)

    @cached_property
    def clients(self) -> Clients:
        """Google's clients; raises MissingExtra."""
        return Clients(self.google)

    @cached_property
    def dataset_name(self) -> str | None:
        """The data set that the source names, as "project.dataset"; None for a bare query."""
        found = _BIGQUERY.fullmatch(self.project.source.address or "")
        parts = found[1].strip("/`").replace("/", ".").split(".") if found else []
        return ".".join(parts[:2]) if len(parts) > 1 else None

    def sample(self) -> list[ImageRef]:
        """Images of the first rows of a source on this machine; raises UserError."""
        if not self.refs and not self.wants_bigquery:
            self.source = self.source or opening.open_source(self.project)
            self.refs = first_images(self.source, Selection(limit=_ROWS))
        return self.refs

    def failed(self, check: str, error: VistoriaError) -> Finding:
        """The finding of an error, with the command that grants what is missing."""
        account = self.__dict__.get("clients")
        member = account.account.member if account else None
        return failed(check, error, member=member, project=self.google.project or _own(account))


def first_images(source: Source, selection: Selection) -> list[ImageRef]:
    """The images of the first rows."""
    rows = (row for batch in source.batches(selection) for row in batch.to_pylist())
    return [ImageRef(row["uri"]) for row in islice(rows, selection.limit) if row["uri"]]


def _own(clients: Clients | None) -> str | None:
    try:
        return clients.project() if clients else None
    except VistoriaError:
        return None
