"""The guide's query and queries like Google's samples, as written for BigQuery: BigQuery's own
client against the local server, the BigQuery source and the DuckDB source all give the rows that
plain Python picks out of the town."""

from collections import Counter, defaultdict
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import duckdb
import pytest
from google.cloud import bigquery

from tests.contracts.sources import ids, rows
from tests.servers.bigquery import BigQueryServer
from tests.sources._bigquery import local_google, over_grpc, point_clients
from tests.sources._town import write_town
from vistoria.errors import UserError
from vistoria.sources import Selection, SourceOptions, _dialect
from vistoria.sources import bigquery as bigquery_source
from vistoria.sources import csv as csv_source
from vistoria.sources import duckdb as duckdb_source
from vistoria.sources import folder as folder_source

PROJECT, LOCATION = "proj-1", "us"
LINKED = f"{PROJECT}.imagery_insights___{LOCATION}"
LATEST = f"`{LINKED}.cropped_observations_latest`"
ALL = f"`{LINKED}.cropped_observations_all`"
Rows = list[dict[str, Any]]


@dataclass(frozen=True)
class Town:
    """A DuckDB file, the same tables in the local BigQuery, and their rows."""

    path: Path
    server: BigQueryServer
    account: Path
    latest: Rows
    all: Rows
    snapshots: Rows


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Town]:
    folder = tmp_path_factory.mktemp("town")
    path = folder / "town.duckdb"
    write_town(path)
    with duckdb.connect(str(path), read_only=True) as database:
        database.execute("SET TimeZone = 'UTC'")
        held = [
            database.sql(f"FROM {name}").to_arrow_table().to_pylist()
            for name in ("cropped_observations_latest", "cropped_observations_all", "snapshots")
        ]
    with local_google(folder) as (server, account):
        server.data.add_database(path, f"imagery_insights___{LOCATION}")
        yield Town(path, server, account, *held)


@pytest.fixture
def town(built: Town, monkeypatch: pytest.MonkeyPatch) -> Town:
    point_clients(monkeypatch, built.server, built.account)
    return built


def _busiest(town: Town) -> str:
    return str(Counter(row["asset_id"] for row in town.latest).most_common(1)[0][0])


def _of_one_asset(town: Town) -> Rows:
    asset = _busiest(town)
    mine = [row for row in town.latest if row["asset_id"] == asset]
    return [
        {
            "observation_id": row["observation_id"],
            "location": row["location"],
            "taken": f"{row['capture_time']:%Y-%m-%d %H:%M:%S}",
            "gcs_uri": row["gcs_uri"],
        }
        for row in sorted(mine, key=lambda row: row["capture_time"], reverse=True)
    ]


def _seen_often(town: Town) -> Rows:
    counts = Counter(row["asset_id"] for row in town.latest if row["asset_type"].endswith("POLE"))
    chosen = sorted(asset for asset, count in counts.items() if count > 1)[:3]
    mine = [row for row in town.latest if row["asset_id"] in chosen]
    return [
        {"asset_id": row["asset_id"], "observation_id": row["observation_id"]}
        for row in sorted(mine, key=lambda row: row["observation_id"])
    ]


def _expiry(town: Town) -> Rows:
    return [
        {"snapshot_id": row["snapshot_id"], "ends": row["creation_time"] + timedelta(days=35)}
        for row in sorted(town.snapshots, key=lambda row: row["creation_time"])
        if "SV_CROPPED_ASSETS" in row["product_types"]
    ]


def _years(town: Town) -> Rows:
    years = Counter(row["capture_time"].year for row in town.all)
    return [{"year": year, "images": years[year]} for year in sorted(years)]


def _images_per_asset(town: Town) -> Rows:
    per_asset = Counter(row["asset_id"] for row in town.latest)
    sizes = Counter(per_asset.values())
    return [{"images": size, "assets": sizes[size]} for size in sorted(sizes)]


def _newest(town: Town) -> Rows:
    grouped: dict[str, Rows] = defaultdict(list)
    for row in town.latest:
        grouped[row["asset_id"]].append(row)
    found = []
    for asset in sorted(grouped):
        mine = sorted(grouped[asset], key=lambda r: (r["capture_time"], r["observation_id"]))[::-1]
        found.append(
            {
                "asset_id": asset,
                "observation_id": mine[0]["observation_id"],
                "wide": mine[0]["bbox"]["hi"]["x"] - mine[0]["bbox"]["lo"]["x"],
                "uris": [row["gcs_uri"] for row in mine[:2]],
            }
        )
    return found


def _ages(town: Town) -> Rows:
    made = {row["snapshot_id"]: row["creation_time"] for row in town.snapshots}
    return [
        {
            "observation_id": row["observation_id"],
            "snapshot_id": row["snapshot_id"],
            "days": (made[row["snapshot_id"]] - row["capture_time"]).days,
        }
        for row in sorted(town.all, key=lambda row: (row["observation_id"], row["snapshot_id"]))
    ]


QUERIES: dict[str, tuple[str, Callable[[Town], Rows]]] = {
    "the guide": (
        f"\nSELECT\n *\nFROM\n {LATEST}\nLIMIT 10;\n",
        lambda town: town.latest[:10],
    ),
    "all observations of an asset": (
        f"""SELECT t.observation_id, t.location, t.gcs_uri,
          FORMAT_TIMESTAMP('%Y-%m-%d %H:%M:%S', t.capture_time) AS taken
        FROM {LATEST} AS t WHERE t.asset_id = @asset ORDER BY t.capture_time DESC;""",
        _of_one_asset,
    ),
    "assets seen more than once": (
        f"""SELECT o.asset_id, o.observation_id FROM {LATEST} AS o
        WHERE o.asset_id IN (
          SELECT asset_id FROM {LATEST} WHERE asset_type = "ASSET_CLASS_UTILITY_POLE"
          GROUP BY asset_id HAVING COUNT(observation_id) > 1 ORDER BY asset_id LIMIT 3)
        ORDER BY observation_id""",
        _seen_often,
    ),
    "when snapshots expire": (
        f"""SELECT snapshot_id, TIMESTAMP_ADD(creation_time, INTERVAL 35 DAY) AS ends
        FROM `{LINKED}`.snapshots WHERE 'SV_CROPPED_ASSETS' IN UNNEST(product_types)
        ORDER BY creation_time""",
        _expiry,
    ),
    "years of capture": (
        f"""SELECT EXTRACT(YEAR FROM capture_time) AS year, COUNT(*) AS images
        FROM {ALL} GROUP BY year ORDER BY year""",
        _years,
    ),
    "observations per asset": (
        f"""WITH counted AS (SELECT asset_id, COUNT(*) AS images FROM {LATEST} GROUP BY asset_id)
        SELECT images, COUNTIF(asset_id IS NOT NULL) AS assets FROM counted
        GROUP BY images ORDER BY images""",
        _images_per_asset,
    ),
    "the newest observation of each asset": (
        f"""SELECT asset_id, observation_id, bbox.hi.x - bbox.lo.x AS wide,
          ARRAY(SELECT o.gcs_uri FROM {LATEST} AS o WHERE o.asset_id = t.asset_id
            ORDER BY o.capture_time DESC, o.observation_id DESC LIMIT 2) AS uris
        FROM {LATEST} AS t WHERE TRUE
        QUALIFY ROW_NUMBER() OVER (
          PARTITION BY asset_id ORDER BY capture_time DESC, observation_id DESC) = 1
        ORDER BY asset_id""",
        _newest,
    ),
    "a join with snapshots": (
        f"""SELECT o.observation_id, o.snapshot_id,
          TIMESTAMP_DIFF(s.creation_time, o.capture_time, DAY) AS days
        FROM {ALL} AS o JOIN `{LINKED}.snapshots` AS s USING (snapshot_id)
        ORDER BY o.observation_id, o.snapshot_id""",
        _ages,
    ),
}


def _normal(found: Rows) -> Rows:
    return [dict(sorted(row.items())) for row in found]


@pytest.mark.parametrize("name", QUERIES)
def test_a_query_gives_the_same_rows_everywhere(town: Town, name: str) -> None:
    sql, pick = QUERIES[name]
    expected = _normal(pick(town))
    assert expected, "a query that finds nothing proves nothing"
    asset = _busiest(town)
    config = bigquery.QueryJobConfig(
        query_parameters=[bigquery.ScalarQueryParameter("asset", "STRING", asset)]
    )
    client = bigquery.Client(project=PROJECT)
    assert _normal([dict(row) for row in client.query(sql, config).result()]) == expected
    client.close()  # type: ignore[no-untyped-call]
    translated = _dialect.query(sql, lambda parts: f'"{parts[-1]}"', {"asset": asset})
    with duckdb.connect(str(town.path), read_only=True) as database:
        database.execute("SET TimeZone = 'UTC'")
        assert _normal(database.sql(translated).to_arrow_table().to_pylist()) == expected


@pytest.mark.parametrize(
    "name", ["the guide", "all observations of an asset", "a join with snapshots"]
)
@pytest.mark.parametrize("limit", [None, 4])
def test_a_query_as_a_source(town: Town, name: str, limit: int | None) -> None:
    query = QUERIES[name][0].replace(
        "SELECT o.observation_id", "SELECT o.gcs_uri, o.observation_id"
    )
    options = over_grpc(town.server, query=query, parameters={"asset": _busiest(town)})
    there = bigquery_source.open_source(f"bigquery://{PROJECT}", options)
    here = duckdb_source.open_source(str(town.path), replace(options, dialect="bigquery"))
    assert there.profile == here.profile
    assert set(there.mapping) == set(here.mapping)
    found = rows(there, Selection(limit=limit))
    assert found
    assert len(found) == there.count(Selection(limit=limit))
    if name == "the guide":  # which has no order of its own: any ten rows, by id
        assert sorted(str(row["observation_id"]) for row in found) == ids(
            there, Selection(limit=limit)
        )
        assert {str(row["observation_id"]) for row in found} <= set(ids(here))
    else:
        assert rows(here, Selection(limit=limit)) == found


@pytest.mark.parametrize(
    "selection",
    [
        Selection(),
        Selection(limit=5),
        Selection(sample=6, seed=3),
        Selection(where="asset_type = @kind AND capture_time < TIMESTAMP '2030-01-01'"),
        Selection(where="REGEXP_CONTAINS(gcs_uri, r'\\.jpg$') AND bbox.hi.x > 10", limit=4),
        Selection(where="location.latitude BETWEEN -90 AND 90", sample=5, limit=3, seed=9),
        Selection(where="DATE_DIFF(CURRENT_DATE(), DATE(capture_time), DAY) > -9999", sample=4),
        Selection(where='STARTS_WITH(observation_id, "o1:")', limit=3),
    ],
    ids=str,
)
def test_a_table_as_a_source(town: Town, selection: Selection) -> None:
    options = SourceOptions(
        table="cropped_observations_all",
        dialect="bigquery",
        parameters={"kind": "ASSET_CLASS_ROAD_SIGN"},
    )
    there = bigquery_source.open_source(
        f"bq://{LINKED}", replace(over_grpc(town.server), **_shared(options))
    )
    here = duckdb_source.open_source(str(town.path), options)
    assert (there.profile, there.mapping) == (here.profile, here.mapping)
    found = rows(there, selection)
    assert 0 < len(found) == there.count(selection) == here.count(selection)
    order = rows(here, selection)
    if selection.limit is None and selection.sample is None:  # a file comes in its own order
        order.sort(key=lambda row: (row["observation_id"], row["uri"], row["snapshot_id"]))
    assert order == found


def _shared(options: SourceOptions) -> dict[str, Any]:
    return {name: getattr(options, name) for name in ("table", "dialect", "parameters")}


def test_what_has_no_counterpart_is_refused(town: Town) -> None:
    options = SourceOptions(table="cropped_observations_all", dialect="bigquery")
    here = duckdb_source.open_source(str(town.path), options)
    with pytest.raises(UserError, match="no value for @kind"):
        rows(here, Selection(where="asset_type = @kind"))
    with pytest.raises(UserError, match=r"(?i)farm_fingerprint"):
        rows(here, Selection(where="FARM_FINGERPRINT(observation_id) > 0"))
    query = f"SELECT * FROM {LATEST}; SELECT 1"
    with pytest.raises(UserError, match="one statement"):
        duckdb_source.open_source(str(town.path), replace(options, table=None, query=query))


def test_files_and_folders_take_the_same_conditions(tmp_path: Path) -> None:
    for name in ("a.jpg", "b.jpg", "c.png"):
        (tmp_path / name).write_bytes(b"x")
    (tmp_path / "t.csv").write_text(
        "id,uri,n\na,gs://b/a.jpg,1\nb,gs://b/b.jpg,2\nc,gs://b/c.png,3\n"
    )
    options = SourceOptions(dialect="bigquery", parameters={"end": "\\.jpg$"})
    where = 'REGEXP_CONTAINS({}, @end) AND NOT ENDS_WITH({}, "b.jpg")'
    table = csv_source.open_source(str(tmp_path / "t.csv"), options)
    assert ids(table, Selection(where=where.format("uri", "uri"))) == ["a"]
    folder = folder_source.open_source(str(tmp_path), options)
    assert ids(folder, Selection(where=where.format("name", "name"))) == ["a.jpg"]
