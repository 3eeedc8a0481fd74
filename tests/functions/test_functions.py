"""New images by themselves: what is asked, what is kept, and what is told to whom."""

import json
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from tests.functions.conftest import TOPIC, Place
from tests.functions.events import BUCKET, by_eventarc, finalized, pushed
from tests.servers.otlp import OtlpServer, values
from vistoria.cli import main

URI = f"gs://{BUCKET}/a.jpg"
EVENTS = {
    "binary": finalized("a.jpg", 7),
    "structured": finalized("a.jpg", 7, structured=True),
    "push": pushed("a.jpg", 7),
    "push by Eventarc": by_eventarc(pushed("a.jpg", 7)),
}


def send(place: Place, event: tuple[dict[str, str], bytes]) -> tuple[int, dict[str, Any]]:
    """Status and answer."""
    response = place.client.post("/", headers=event[0], data=event[1])
    return response.status_code, json.loads(response.data)


@pytest.mark.parametrize("form", EVENTS)
def test_an_image_gets_its_label_whatever_the_form(form: str, place: Place) -> None:
    place.put("a.jpg", 1)
    status, answer = send(place, EVENTS[form])
    assert (status, answer["outcome"]) == (200, "labelled")
    assert answer["labels"]["asset"]
    assert place.labels() == {URI: 1}


@pytest.mark.parametrize("form", [finalized, pushed])
def test_an_image_is_where_its_metadata_says(form: Any, place: Place, tmp_path: Path) -> None:
    place.put("a.jpg", 1)
    placed = {"latitude": "-23.5", "longitude": "-46.6", "asset_id": "pole-7"}
    assert send(place, form("a.jpg", 7, metadata=placed))[1]["outcome"] == "labelled"
    place.restart()
    result = CliRunner().invoke(main, ["publish", "map.geojson"], prog_name="vistoria")
    assert result.exit_code == 0, result.stderr
    (feature,) = json.loads((tmp_path / "map.geojson").read_text())["features"]
    assert feature["geometry"] == {"type": "Point", "coordinates": [-46.6, -23.5]}
    assert feature["properties"]["asset_id"] == "pole-7"
    assert feature["properties"]["asset"]


def test_the_same_generation_is_asked_once_and_a_new_one_again(place: Place) -> None:
    place.put("a.jpg", 1)
    outcomes = [send(place, event)[1]["outcome"] for event in EVENTS.values()]
    assert outcomes == ["labelled", "known", "known", "known"]
    place.restart()
    assert send(place, EVENTS["push"])[1]["outcome"] == "known"
    assert len(place.service.sent) == 1
    place.put("a.jpg", 2)
    assert send(place, finalized("a.jpg", 8))[1]["outcome"] == "labelled"
    assert send(place, finalized("a.jpg", 7))[1]["outcome"] == "outdated"
    assert len(place.service.sent) == 2
    assert place.labels() == {URI: 1}


def test_a_generation_that_comes_late_is_not_asked_about(place: Place) -> None:
    place.put("a.jpg", 2)
    assert send(place, finalized("a.jpg", 8))[1]["outcome"] == "labelled"
    assert send(place, finalized("a.jpg", 7)) == (
        200,
        {"outcome": "outdated", "said": f"{URI} has changed since 7", "labels": None},
    )
    assert len(place.service.sent) == 1
    assert place.labels() == {URI: 1}


def test_deliveries_at_once_share_one_call(place: Place) -> None:
    place.put("a.jpg", 1)
    place.service.fault("slow", seconds=0.3, times=1)
    with ThreadPoolExecutor(6) as threads:
        answers = list(threads.map(lambda _: send(place, EVENTS["binary"]), range(6)))
    assert {status for status, _ in answers} == {200}
    assert len(place.service.sent) == 1
    assert place.labels() == {URI: 1}


STRAYS = {
    "malformed": [
        ({"Content-Type": "application/json"}, b"{"),
        ({"Content-Type": "application/json"}, b"[1]"),
        ({"Content-Type": "application/cloudevents+json"}, b"{}"),
        ({"Content-Type": "application/cloudevents+json"}, b"no"),
        ({"ce-type": "google.cloud.storage.object.v1.finalized"}, b"{}"),
        finalized("", 3),
        finalized("a.jpg", 0),
        finalized("a.jpg", 3, bucket=None),
    ],
    "other_type": [
        finalized("a.jpg", 3, kind="google.cloud.storage.object.v1.deleted"),
        pushed("a.jpg", 3, "OBJECT_DELETE"),
        ({}, b'{"message": {"data": "aGk="}, "subscription": "s"}'),
    ],
    "not_an_image": [finalized("a.json", 3, contentType="application/json"), finalized("a/", 3)],
    "elsewhere": [finalized("a.jpg", 3, bucket="other")],
}


@pytest.mark.parametrize("why", STRAYS)
def test_what_is_no_image_is_kept_and_acknowledged(why: str, place: Place) -> None:
    for event in STRAYS[why] * 2:
        status, answer = send(place, event)
        assert (status, answer["outcome"]) == (200, "ignored")
        assert answer["said"].startswith(why)
    place.restart()
    with place.ledger() as ledger:
        strays = ledger.arrivals.strays()
    assert [(one.why, one.deliveries) for one in strays] == [(why, 2)] * len(STRAYS[why])
    assert not place.service.sent
    assert place.labels() == {}


def test_an_image_that_fails_for_good_is_told_once(place: Place) -> None:
    place.storage.data[URI] = b"<html>no image</html>"
    for _ in range(2):
        status, answer = send(place, EVENTS["binary"])
        assert (status, answer["outcome"]) == (200, "failed")
    place.restart()
    assert send(place, EVENTS["push"])[1]["outcome"] == "failed"
    (letter,) = place.pubsub.published[TOPIC]
    told = json.loads(letter["data"])
    assert (told["uri"], told["generation"], told["reason"]) == (URI, 7, "not_an_image")
    assert letter["attributes"] == {"reason": "not_an_image", "uri": URI}
    with place.ledger() as ledger:
        rows = ledger._db.execute("SELECT uri, reason FROM failures").fetchall()
    assert rows == [(URI, "not_an_image")]


def test_a_failure_is_not_acknowledged_before_it_is_told(place: Place) -> None:
    place.storage.data[URI] = b""
    del place.pubsub.published[TOPIC]
    status, answer = send(place, EVENTS["binary"])
    assert (status, answer["outcome"]) == (503, "left")
    assert "roles/pubsub.publisher" in answer["said"]
    place.pubsub.published[TOPIC] = []
    assert send(place, EVENTS["binary"])[0] == 200
    assert len(place.pubsub.published[TOPIC]) == 1


def test_a_service_that_is_down_leaves_the_event_for_later(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("VISTORIA_RUN_PATIENCE", "0")
    place.put("a.jpg", 1)
    place.service.fault("internal", times=2)
    event = finalized("a.jpg", 7, attributes={"time": _ago(0)})
    assert send(place, event)[0] == 503
    place.service._faults.clear()
    status, answer = send(place, event)
    assert (status, answer["outcome"]) == (200, "labelled")
    assert place.labels() == {URI: 1}


def test_what_is_left_for_later_is_given_up_after_a_while(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("VISTORIA_RUN_PATIENCE", "0")
    monkeypatch.setenv("VISTORIA_FUNCTIONS_MAX_AGE", "3600")
    place.put("a.jpg", 1)
    place.service.fault("internal")
    old = finalized("a.jpg", 7, attributes={"time": _ago(7200)})
    status, answer = send(place, old)
    assert (status, answer["outcome"]) == (200, "given_up")
    sent = len(place.service.sent)
    assert send(place, old)[1]["outcome"] == "failed"
    assert len(place.service.sent) == sent
    (letter,) = place.pubsub.published[TOPIC]
    assert letter["attributes"]["reason"] == "unreachable"
    with place.ledger() as ledger:
        rows = ledger._db.execute("SELECT uri, reason, retryable FROM failures").fetchall()
    assert rows == [(URI, "unreachable", 1)]


def test_the_ceiling_holds_and_the_rest_waits(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("VISTORIA_RUN_BUDGET", "3 requests")
    outcomes = []
    for number in range(5):
        place.put(f"{number}.jpg", number)
        event = finalized(f"{number}.jpg", 7, attributes={"time": _ago(0)})
        outcomes.append(send(place, event)[1]["outcome"])
    assert outcomes == ["labelled"] * 3 + ["left"] * 2
    assert len(place.service.sent) == 3


def test_a_project_without_a_bucket_says_so_and_loses_nothing(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("VISTORIA_SOURCE_ADDRESS", "photos/")
    status, answer = send(place, EVENTS["binary"])
    assert status == 503
    assert "gs://bucket" in answer["said"]


def _ago(seconds: float) -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(time.time() - seconds))


def test_a_model_in_this_process_answers_too(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VISTORIA_MODEL_NAME", "echo:")
    for number in range(3):
        place.put(f"{number}.jpg", number)
        assert send(place, finalized(f"{number}.jpg", 7))[1]["outcome"] == "labelled"
    assert set(place.labels().values()) == {1}


def test_a_bucket_is_watched_for_what_events_missed(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    place.storage.buckets[BUCKET] = "US"
    for number in range(3):
        place.put(f"{number}.jpg", number)
        place.storage.generations[f"gs://{BUCKET}/{number}.jpg"] = 7
    assert send(place, finalized("0.jpg", 7))[1]["outcome"] == "labelled"
    place.restart()
    result = CliRunner().invoke(main, ["watch", "--once", "--json"], prog_name="vistoria")
    assert result.exit_code == 0, result.stderr
    assert json.loads(result.stdout)["news"] == {
        "rows": 3, "new": 2, "gone": 0, "again": 0, "snapshots": [], "asked": 2, "unchanged": 0,
    }  # fmt: skip
    assert send(place, finalized("2.jpg", 7))[1]["outcome"] == "known"
    assert len(place.service.sent) == 3


def test_telemetry_goes_on_with_the_trace_of_the_event(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    trace, parent = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"
    place.put("a.jpg", 1)
    with OtlpServer() as collector:
        for name, value in collector.env.items():
            monkeypatch.setenv(name, value)
        headers, body = EVENTS["binary"]
        traced = headers | {"traceparent": f"00-{trace}-{parent}-01"}
        assert send(place, (traced, body))[1]["outcome"] == "labelled"
        assert send(place, STRAYS["malformed"][0])[1]["outcome"] == "ignored"
        place.restart()  # which sends what is left
        events = [span for span in collector.spans if span.name == "process event"]
        (run,) = (span for span in collector.spans if span.name.startswith("invoke_workflow"))
        (call,) = (span for span in collector.spans if span.name.startswith("chat"))
    assert [values(span.attributes)["vistoria.outcome"] for span in events] == [
        "labelled", "ignored",
    ]  # fmt: skip
    assert (events[0].trace_id.hex(), events[0].parent_span_id.hex()) == (trace, parent)
    assert not events[1].parent_span_id
    assert {span.links[0].span_id for span in (*events, call)} == {run.span_id}
    assert events[0].start_time_unix_nano <= call.start_time_unix_nano
    assert BUCKET not in str(collector.spans)
