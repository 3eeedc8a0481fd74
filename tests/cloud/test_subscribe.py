"""`vistoria subscribe`: the real Analytics Hub and BigQuery clients against local servers."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from tests.cloud.conftest import EXCHANGE, Cloud
from vistoria.cli import main

LISTING = "imagery_insights_12_34__us"


def vistoria(*args: str) -> Result:
    return CliRunner().invoke(main, args, prog_name="vistoria")


def subscribe(*more: str) -> Result:
    return vistoria("subscribe", "--location", "us", *more)


def test_makes_the_linked_data_set_once(cloud: Cloud, tables: Path) -> None:
    for customer in ("12_34", "56", "78"):
        cloud.hub.publish(EXCHANGE, f"imagery_insights_{customer}__us", tables)
    first = subscribe("--customer", "12-34")
    assert first.exit_code == 0, first.output
    assert "subscribed now" in first.stdout
    assert "cropped, panoramas" in first.stdout
    source = "bigquery://proj-1.imagery_insights___us.cropped_observations_latest"
    assert f"vistoria init --google --source {source}" in first.stderr
    (request,) = cloud.hub.subscribed
    assert request.name == f"{EXCHANGE}/listings/{LISTING}"
    target = request.destination_dataset
    assert (target.dataset_reference.project_id, target.location) == ("proj-1", "us")
    assert cloud.bigquery.data.locations["proj-1", "imagery_insights___us"] == "US"
    again = json.loads(subscribe("--customer", "12-34", "--json").stdout)
    assert (again["created"], again["dataset"]) == (False, "proj-1.imagery_insights___us")
    assert len(cloud.hub.subscribed) == 1


def test_the_only_listing_needs_no_customer(cloud: Cloud, tables: Path) -> None:
    cloud.hub.publish(EXCHANGE, LISTING, tables)
    made = json.loads(subscribe("--dataset", "mine", "--json").stdout)
    assert made["dataset"] == "proj-1.mine"
    assert made["products"] == ["cropped", "panoramas"]
    assert subscribe("--dataset", "other").exit_code == 2, "there is a subscription already"


def test_lists_what_there_is(cloud: Cloud, tables: Path) -> None:
    for number in range(5):
        cloud.hub.publish(EXCHANGE, f"imagery_insights_{number}__us", tables)
    assert len(json.loads(subscribe("--list", "--json").stdout)) == 5, "pages are read to the end"
    assert subscribe("--list").stdout.splitlines()[5].startswith("imagery_insights_4__us\t")
    assert not cloud.hub.subscribed


def test_who_may_not_list_subscribes_by_name(cloud: Cloud, tables: Path) -> None:
    cloud.hub.publish(EXCHANGE, LISTING, tables)
    cloud.hub.denied.add("analyticshub.listings.list")
    assert json.loads(subscribe("--customer", "12-34", "--json").stdout)["created"]
    assert subscribe("--exchange", "mine").exit_code == 2


def _deny(*permissions: str) -> Callable[[Cloud], Any]:
    return lambda cloud: cloud.hub.denied.update(permissions)


@pytest.mark.parametrize(
    ("args", "arrange", "said"),
    [
        ((), lambda cloud: None, "which listing is yours?"),
        (("--customer", "12-35"), lambda cloud: None, f"did you mean '{LISTING}'?"),
        (("--customer", "12-34"), _deny("analyticshub.listings.subscribe"),
         "roles/analyticshub.subscriptionOwner"),
        ((), _deny("analyticshub.listings.list"), "roles/analyticshub.subscriptionOwner"),
        ((), lambda cloud: setattr(cloud.hub, "disabled", True),
         "gcloud services enable analyticshub.googleapis.com --project proj-1"),
        (("--customer", "12-34"), lambda cloud: cloud.bigquery.data.add_dataset(
            "imagery_insights___us"), "name another with --dataset"),
        ((), lambda cloud: cloud.hub.listings.clear(), "lists nothing for you"),
        (("--location", "us-central1"), lambda cloud: None, "listed in us and eu"),
    ],
)  # fmt: skip
def test_each_failure_says_what_to_do(
    cloud: Cloud, tables: Path, args: tuple[str, ...], arrange: Callable[[Cloud], Any], said: str
) -> None:
    cloud.hub.publish(EXCHANGE, LISTING, tables)
    cloud.hub.publish(EXCHANGE, "imagery_insights_56__us", tables)
    arrange(cloud)
    result = subscribe(*args)
    assert result.exit_code == 2, result.output
    assert said in " ".join(result.stderr.split())
    assert "Traceback" not in result.output


def test_without_location_it_lists_where_it_looked(cloud: Cloud) -> None:
    result = vistoria("subscribe")
    assert result.exit_code == 2
    assert "VISTORIA_GOOGLE_LOCATION" in result.stderr
