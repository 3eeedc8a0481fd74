"""The Storage Read API: a table's rows as Arrow, in one stream that can be gone on with."""

import logging
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple
from urllib.parse import urlsplit

import pyarrow as pa

from vistoria.errors import AccessDenied, ConfigError

if TYPE_CHECKING:
    from google.auth.credentials import Credentials
    from google.cloud.bigquery import TableReference
    from google.cloud.bigquery_storage_v1 import BigQueryReadClient
    from google.cloud.bigquery_storage_v1.types import ReadSession

__all__ = ["StorageReader", "Stream"]

_PATIENCE = 600.0  # seconds without a row after which a stream is given up
_log = logging.getLogger(__name__)


class Stream(NamedTuple):
    """One stream of a session: all rows of a table as it was when the session began."""

    session: "ReadSession"
    name: str | None


class StorageReader:
    """Reads tables at Google, or at `endpoint`; `http://` is for a server on this machine only."""

    def __init__(self, credentials: "Credentials", endpoint: str | None) -> None:
        """Raises ConfigError if a token would travel unencrypted to another machine."""
        from google.cloud.bigquery_storage_v1 import BigQueryReadClient  # noqa: PLC0415

        self._client: BigQueryReadClient
        if endpoint and endpoint.startswith("http://"):
            self._client = _local_client(credentials, endpoint)
        else:
            options = {"api_endpoint": endpoint.removeprefix("https://")} if endpoint else None
            self._client = BigQueryReadClient(  # type: ignore[no-untyped-call]
                credentials=credentials, client_options=options
            )

    def open(self, project: str, table: "TableReference", columns: Sequence[str]) -> Stream:
        """A session over `table`, billed to `project`; raises AccessDenied where it may not be.

        One stream keeps the order of a query's result.
        """
        from google.api_core.exceptions import PermissionDenied  # noqa: PLC0415
        from google.cloud.bigquery_storage_v1 import types  # noqa: PLC0415

        wanted = types.ReadSession(
            table=f"projects/{table.project}/datasets/{table.dataset_id}/tables/{table.table_id}",
            data_format=types.DataFormat.ARROW,
            read_options=types.ReadSession.TableReadOptions(selected_fields=list(columns)),
        )
        try:
            session = self._client.create_read_session(
                parent=f"projects/{project}", read_session=wanted, max_stream_count=1
            )
        except PermissionDenied as error:
            raise AccessDenied(
                f"the account you run as may not use the Storage Read API in {project}; grant it "
                f"roles/bigquery.readSessionUser\n  Google: {error.message}"
            ) from error
        return Stream(session, session.streams[0].name if session.streams else None)

    def batches(self, stream: Stream) -> "Iterator[pa.RecordBatch]":
        """Its rows. A broken connection is opened again after the last row that came."""
        from google.api_core import exceptions, retry  # noqa: PLC0415

        if stream.name is None:
            return
        again = retry.Retry(
            predicate=retry.if_exception_type(exceptions.ServiceUnavailable),
            initial=0.1, maximum=10.0, timeout=_PATIENCE,
            on_error=lambda error: _log.info("the stream of rows is opened again: %s", error),
        )  # fmt: skip
        schema = pa.ipc.read_schema(pa.py_buffer(stream.session.arrow_schema.serialized_schema))
        answers = self._client.read_rows(  # type: ignore[no-untyped-call]
            stream.name, retry=again, timeout=None
        )
        for answer in answers:
            rows = answer.arrow_record_batch.serialized_record_batch
            yield pa.ipc.read_record_batch(pa.py_buffer(rows), schema)


def _local_client(credentials: "Credentials", endpoint: str) -> "BigQueryReadClient":
    import grpc  # noqa: PLC0415
    from google.auth.transport.grpc import secure_authorized_channel  # noqa: PLC0415
    from google.auth.transport.requests import Request  # noqa: PLC0415
    from google.cloud.bigquery_storage_v1 import BigQueryReadClient  # noqa: PLC0415
    from google.cloud.bigquery_storage_v1.services.big_query_read.transports import (  # noqa: PLC0415
        BigQueryReadGrpcTransport,
    )

    address = urlsplit(endpoint)
    if address.hostname not in ("127.0.0.1", "localhost", "::1"):
        raise ConfigError(
            f"the endpoint {endpoint!r} would send your token unencrypted; use https://, or "
            "http:// with a server on this machine"
        )
    # gRPC itself makes sure that such a channel does not leave the machine.
    here: Any = grpc.local_channel_credentials(grpc.LocalConnectionType.LOCAL_TCP)
    channel = secure_authorized_channel(  # type: ignore[no-untyped-call]
        credentials, Request(), address.netloc, ssl_credentials=here,
        options=[("grpc.max_receive_message_length", -1)],
    )  # fmt: skip
    transport = BigQueryReadGrpcTransport(channel=channel)
    return BigQueryReadClient(transport=transport)  # type: ignore[no-untyped-call]
