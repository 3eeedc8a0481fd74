"""Editions: what makes a new one, and the figures that go along; object stores."""

from collections.abc import Iterator
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from tests.contracts.publishers import Row, edition_of, town
from tests.labelled import POLE, add_run, poles, truth_of
from tests.servers.bucket import BucketServer
from tests.servers.s3 import ACCESS_KEY, REGION, SECRET_KEY, S3Server
from tests.servers.token import TokenServer
from vistoria.certificate import Claim, issue
from vistoria.errors import AccessDenied
from vistoria.google_account import GoogleSettings
from vistoria.ledger import Ledger
from vistoria.publishers import PublisherOptions
from vistoria.publishers._edition import Edition
from vistoria.publishers.parquet import open_publisher
from vistoria.review import Wish, draw_sample, record, simulate


@pytest.fixture
def ledger(tmp_path: Path) -> Iterator[Ledger]:
    """An empty ledger."""
    with Ledger(tmp_path / "ledger.sqlite") as ledger:
        yield ledger


def rows(edition: Edition, table: str) -> list[Row]:
    """The rows of a table."""
    return [row for batch in edition.batches(table) for row in batch.to_pylist()]


def test_reviews_correct_counts_and_make_a_new_edition(ledger: Ledger) -> None:
    truth = poles(300, wood=0.5)
    wrong = [row | {"material": "wood"} if i % 5 == 4 else row for i, row in enumerate(truth)]
    run = add_run(ledger, wrong)
    before = Edition(ledger, run)
    assert all(row["corrected"] is None and row["note"] for row in rows(before, "counts"))

    sample = draw_sample(ledger, run, POLE, Wish(size=150))
    record(ledger, simulate(ledger, sample, truth_of(truth), error_rate=0))
    issued = issue(ledger, sample, Claim(field="asset", simulated=True))

    after = Edition(ledger, run)
    assert (after.key, after.version != before.version) == (before.key, True)
    counts = {(row["field"], row["answer"]): row for row in rows(after, "counts")}
    wood = counts["material", "wood"]
    assert wood["machine"] == 180
    assert wood["corrected_low"] <= 150 <= wood["corrected_high"] < 180
    assert wood["precision"] < 0.95
    assert (wood["unit"], wood["sample"], wood["simulated"]) == ("photo", sample.sample_id, True)

    (certificate,) = rows(after, "certificates")
    assert certificate["sentence"] == issued.sentence
    assert certificate["at_least"] == pytest.approx(issued.low)
    assert (certificate["field"], certificate["measure"]) == ("asset", "right")
    assert certificate["simulated"] is True


def test_the_same_state_is_the_same_edition(ledger: Ledger, tmp_path: Path) -> None:
    edition = edition_of(ledger, town())
    again = Edition(ledger, edition.run)
    assert (again.key, again.version) == (edition.key, edition.version)
    assert Edition(ledger, edition.run, attribution="© A").version != edition.version
    with Ledger(tmp_path / "other.sqlite") as other:
        assert edition_of(other, town()).key != edition.key


def test_failures_are_rows_with_a_reason(ledger: Ledger) -> None:
    from vistoria.records import Attempt

    run = add_run(ledger, [{"id": "a", "asset": "sign"}, {"id": "b"}])
    ledger.record([
        Attempt(ordinal=2, run_id=run.run_id, question_id=run.question_id, status="failed",
                reason="image_missing", detail="there is none", started_at=1.7e9)
    ])  # fmt: skip
    ledger.flush()
    (failure,) = rows(Edition(ledger, run), "failures")
    assert (failure["observation_id"], failure["reason"]) == ("b", "image_missing")
    assert failure["failed_at"].year == 2023


def test_keys_of_rows_are_unique(ledger: Ledger) -> None:
    edition = edition_of(ledger, town())
    for table in ("labels", "assets", "counts", "runs"):
        keys = [row["row_key"] for row in rows(edition, table)]
        assert len(set(keys)) == len(keys) > 0


def test_to_an_object_store(
    ledger: Ledger, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with BucketServer() as server:
        monkeypatch.setenv("STORAGE_EMULATOR_HOST", server.url)
        options = PublisherOptions(store={"bearer_token": "any"})
        publisher = open_publisher("gs://results/poles/labels.parquet", options)
        edition = edition_of(ledger, town())
        assert publisher.publish(edition).rows == {"labels": 36}
        assert publisher.publish(edition).rows == {"labels": 36}
        assert server.names() == ["gs://results/poles/labels.parquet"]
        stored = pq.read_table(server.path("gs://results/poles/labels.parquet"))
        assert stored.num_rows == 36
        server.refuse["PUT"] = [403]
        with pytest.raises(AccessDenied, match="refuses to write"):
            publisher.publish(edition)


def test_to_an_object_store_as_another_account(
    ledger: Ledger, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    edition = edition_of(ledger, town())
    with TokenServer() as tokens, BucketServer(tokens=tokens) as server:
        monkeypatch.setenv("STORAGE_EMULATOR_HOST", server.url)
        account = str(tokens.service_account(tmp_path))
        monkeypatch.setenv("GOOGLE_APPLICATION_CREDENTIALS", account)
        monkeypatch.setattr("google.auth.iam._IAM_ENDPOINT", tokens.url + "/impersonate/{}")
        google = GoogleSettings(impersonate="labels@proj-1.iam")
        publisher = open_publisher("gs://results/a.parquet", PublisherOptions(google=google))
        assert publisher.publish(edition).rows == {"labels": 36}
        assert set(tokens.impersonated) == {"labels@proj-1.iam"}
        assert server.names() == ["gs://results/a.parquet"]


def test_to_s3(ledger: Ledger) -> None:
    with S3Server() as server:
        signed = {
            "endpoint": server.url, "allow_http": True, "region": REGION,
            "access_key_id": ACCESS_KEY, "secret_access_key": SECRET_KEY,
            "account_name": "of another store",
        }  # fmt: skip
        edition = edition_of(ledger, town())
        publisher = open_publisher(
            "s3://results/poles/labels of run 1.parquet", PublisherOptions(store=signed)
        )
        assert publisher.publish(edition).rows == {"labels": 36}
        assert publisher.publish(edition).rows == {"labels": 36}
        (name,) = server.names()
        assert name == "gs://results/poles/labels of run 1.parquet"
        assert pq.read_table(server.path(name)).num_rows == 36
        wrong = PublisherOptions(store=signed | {"secret_access_key": "wrong"})
        with pytest.raises(AccessDenied, match="SignatureDoesNotMatch"):
            open_publisher("s3://results/a.parquet", wrong).publish(edition)
