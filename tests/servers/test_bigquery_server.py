"""The local BigQuery, as Google's own client finds it: what the product itself does not ask."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from google.api_core.exceptions import BadRequest, Conflict, NotFound
from google.cloud import bigquery

from tests.sources._bigquery import local_google, point_clients


@pytest.fixture
def client(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[bigquery.Client]:
    with local_google(tmp_path) as (server, account):
        point_clients(monkeypatch, server, account)
        running = bigquery.Client(project="proj-1")
        yield running
        running.close()  # type: ignore[no-untyped-call]


SCHEMA = [
    bigquery.SchemaField("id", "STRING", mode="REQUIRED"),
    bigquery.SchemaField("request", "JSON"),
    bigquery.SchemaField("tags", "STRING", mode="REPEATED"),
    bigquery.SchemaField("place", "RECORD", fields=[bigquery.SchemaField("latitude", "FLOAT64")]),
    bigquery.SchemaField("at", "TIMESTAMP"),
]


def test_tables_are_made_filled_and_changed(client: bigquery.Client) -> None:
    client.create_dataset(bigquery.Dataset("proj-1.mine"))
    with pytest.raises(Conflict):
        client.create_dataset(bigquery.Dataset("proj-1.mine"))
    table = client.create_table(bigquery.Table("proj-1.mine.requests", schema=SCHEMA))
    row = {"id": "a", "request": {"contents": [1]}, "tags": ["x", "y"], "place": {"latitude": 1.5}}
    assert client.insert_rows_json(table, [row | {"at": "2026-01-02T03:04:05Z"}]) == []
    config = bigquery.LoadJobConfig(schema=SCHEMA, source_format="NEWLINE_DELIMITED_JSON")
    client.load_table_from_json([row | {"id": "b"}], table, job_config=config).result()
    changed = client.query("UPDATE `proj-1.mine.requests` SET tags = ['z'] WHERE id = 'b'")
    changed.result()
    assert changed.num_dml_affected_rows == 1
    found = [
        dict(each) for each in client.query("SELECT * FROM mine.requests ORDER BY id").result()
    ]
    assert [(each["id"], each["tags"]) for each in found] == [("a", ["x", "y"]), ("b", ["z"])]
    assert found[0]["place"] == {"latitude": 1.5}
    assert found[0]["at"].isoformat() == "2026-01-02T03:04:05+00:00"
    assert found[0]["request"] == {"contents": [1]}
    assert [t.table_id for t in client.list_tables("proj-1.mine")] == ["requests"]
    assert [d.dataset_id for d in client.list_datasets()] == ["mine"]
    assert client.get_table("proj-1.mine.requests").num_rows == 2
    client.delete_table("proj-1.mine.requests")
    with pytest.raises(NotFound, match=r"proj-1:mine\.requests was not found in location US"):
        client.query("SELECT * FROM `proj-1.mine.requests`").result()


def test_a_dry_run_refuses_at_once_and_a_job_afterwards(client: bigquery.Client) -> None:
    dry = bigquery.QueryJobConfig(dry_run=True)
    with pytest.raises(BadRequest, match="Syntax error"):
        client.query("SELEC 1", dry)
    job = client.query("SELECT nowhere FROM (SELECT 1 AS here)")
    with pytest.raises(BadRequest, match="Unrecognized name: nowhere"):
        job.result()
    assert client.query("SELECT 1 AS here", dry).total_bytes_processed == 0
