"""The BigQuery Storage Read API over gRPC: sessions of one stream, read from any offset."""

import threading
from collections import deque
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import grpc
from google.cloud.bigquery_storage_v1 import types

from tests.servers.bigquery_data import Name, Refusal, Warehouse, arrow_schema

_SERVICE = "google.cloud.bigquery.storage.v1.BigQueryRead"


class StorageRead:
    """`cuts`: each call of ReadRows takes one and breaks after so many rows (None: it does not).

    `reads`: the offset of each call. `page`: rows in an answer. `denied`: nobody may open a
    session. `halt`: each call stops to answer after so many rows, until `go` is set.
    """

    def __init__(self, warehouse: Warehouse, tokens: set[str] | None) -> None:
        self.cuts: deque[int | None] = deque()
        self.reads: list[int] = []
        self.sessions: dict[str, tuple[Name, tuple[str, ...]]] = {}
        self.denied = False
        self.halt: int | None = None
        self.go = threading.Event()
        self.page = 5_000
        self._warehouse, self._tokens = warehouse, tokens
        self._server = grpc.server(ThreadPoolExecutor(8))
        methods = {
            "CreateReadSession": grpc.unary_unary_rpc_method_handler(
                self._create, types.CreateReadSessionRequest.deserialize,
                types.ReadSession.serialize,
            ),
            "ReadRows": grpc.unary_stream_rpc_method_handler(
                self._read, types.ReadRowsRequest.deserialize, types.ReadRowsResponse.serialize
            ),
        }  # fmt: skip
        self._server.add_generic_rpc_handlers(
            (grpc.method_handlers_generic_handler(_SERVICE, methods),)
        )
        # Channels of this machine, over which a token may be sent without encryption.
        here: Any = grpc.local_server_credentials(grpc.LocalConnectionType.LOCAL_TCP)
        self.port = self._server.add_secure_port("127.0.0.1:0", here)

    def start(self) -> None:
        """Begins to listen."""
        self._server.start()

    def stop(self) -> None:
        """Ends every call."""
        self._server.stop(None).wait(10)

    def _create(
        self, request: types.CreateReadSessionRequest, context: grpc.ServicerContext
    ) -> types.ReadSession:
        self._check(context)
        parent = request.parent.removeprefix("projects/")
        if self.denied:
            context.abort(
                grpc.StatusCode.PERMISSION_DENIED,
                "request failed: the user does not have 'bigquery.readsessions.create' permission "
                f"for 'projects/{parent}'",
            )
        session = request.read_session
        if session.read_options.row_restriction:
            context.abort(grpc.StatusCode.UNIMPLEMENTED, "this server takes no row_restriction")
        _, project, _, dataset, _, table = session.table.split("/")
        try:
            name = self._warehouse.find(project, dataset, table)
        except Refusal as refusal:
            context.abort(grpc.StatusCode.NOT_FOUND, refusal.message)
        wanted = tuple(session.read_options.selected_fields)
        number = len(self.sessions) + 1
        session.name = f"projects/{parent}/locations/us/sessions/s{number}"
        self.sessions[session.name] = name, wanted
        rows = self._warehouse.count(name)
        if rows:
            session.streams = [types.ReadStream(name=f"{session.name}/streams/0")]
        session.estimated_row_count = rows
        schema = arrow_schema(self._chosen(name, wanted))
        session.arrow_schema = types.ArrowSchema(serialized_schema=schema.serialize().to_pybytes())
        return session

    def _read(
        self, request: types.ReadRowsRequest, context: grpc.ServicerContext
    ) -> Iterator[types.ReadRowsResponse]:
        self._check(context)
        self.reads.append(request.offset)
        name, wanted = self.sessions[request.read_stream.partition("/streams/")[0]]
        left = self.cuts.popleft() if self.cuts else None
        schema = arrow_schema(self._chosen(name, wanted))
        columns = ", ".join(map(_column, self._chosen(name, wanted)))
        query = f"SELECT {columns} FROM {name.sql} OFFSET {request.offset}"
        batches, sent = self._warehouse.cursor().sql(query).to_arrow_reader(self.page), 0
        for batch in batches:
            for start in range(0, batch.num_rows, self.page):
                part = batch.slice(start, self.page)
                if left is not None and left < part.num_rows:
                    part = part.slice(0, left)
                if self.halt is not None and sent >= self.halt:
                    self.go.wait(60)
                sent += part.num_rows
                if part.num_rows:
                    yield _response(part.rename_columns(schema.names).cast(schema))
                if left is not None and (left := left - part.num_rows) <= 0:
                    context.abort(grpc.StatusCode.UNAVAILABLE, "Connection reset by peer")

    def _chosen(self, name: Name, wanted: tuple[str, ...]) -> list[dict[str, Any]]:
        fields = self._warehouse.fields(name)
        return [field for field in fields if not wanted or field["name"] in wanted]

    def _check(self, context: grpc.ServicerContext) -> None:
        given = dict(context.invocation_metadata()).get("authorization", "")
        token = str(given).removeprefix("Bearer ")
        if self._tokens is not None and token not in self._tokens:
            context.abort(
                grpc.StatusCode.UNAUTHENTICATED,
                "Request had invalid authentication credentials. Expected OAuth 2 access token.",
            )


def _column(field: dict[str, Any]) -> str:
    name = f'"{field["name"]}"'
    return f"st_astext({name})" if field["type"] == "GEOGRAPHY" else name


def _response(batch: Any) -> types.ReadRowsResponse:
    return types.ReadRowsResponse(
        arrow_record_batch=types.ArrowRecordBatch(
            serialized_record_batch=batch.serialize().to_pybytes()
        ),
        arrow_schema=types.ArrowSchema(serialized_schema=batch.schema.serialize().to_pybytes()),
        row_count=batch.num_rows,
    )
