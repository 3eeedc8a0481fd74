"""Subscribe to your Street View Insights imagery in BigQuery.

Google lists each customer's imagery in an exchange. Subscribing makes a linked data set in your
project: it shows Google's tables, costs nothing to keep and follows each new snapshot. Typed again,
the command says what is there. Needs pip install 'vistoria[google]'.

Examples:
    vistoria subscribe --location us --customer 1234-5678
    vistoria subscribe --location eu --list
    vistoria subscribe --location us --listing imagery_insights_1234_5678__us --dataset imagery
"""

from typing import Any

import click

from vistoria.cli import _settings
from vistoria.cli._command import Command
from vistoria.cli._talk import as_json, note, put_facts, put_json, put_table, say

_SOURCES = ("_observations_latest", "latest_observations")


@click.command("subscribe", cls=Command, help=__doc__)
@_settings.google
@click.option("--list", "only_list", is_flag=True, help="Only list what there is.")
@click.option("--listing", metavar="ID", help="This listing, not the customer's usual one.")
@click.option(
    "--exchange",
    metavar="RESOURCE",
    envvar="VISTORIA_SUBSCRIBE_EXCHANGE",
    help="Another exchange: projects/…/locations/…/dataExchanges/….",
)
@click.option("--dataset", metavar="ID", help="What to call the linked data set.")
@_settings.project
@as_json
@click.pass_context
def command(
    context: click.Context, /, only_list: bool, listing: str | None, exchange: str | None,
    dataset: str | None, as_json: bool,
) -> None:  # fmt: skip
    """See the top of this file."""
    from vistoria.cloud import subscription  # noqa: PLC0415
    from vistoria.cloud.clients import Clients  # noqa: PLC0415

    google = _settings.load(context).google.settings
    place = subscription.exchange_of(google.location, exchange)
    clients = Clients(google)
    if only_list:
        found = subscription.listings(clients, place)
        rows = [{"listing": o.listing_id, "title": o.title, "about": o.about} for o in found]
        if as_json:
            put_json(rows)
        else:
            put_table(("listing", "title", "about"), [tuple(row.values()) for row in rows])
        return
    chosen = subscription.find(clients, place, listing, google.customer)
    _tell(subscription.subscribe(clients, chosen, dataset), as_json=as_json)


def _tell(made: Any, *, as_json: bool) -> None:
    dataset = made.dataset
    if as_json:
        put_json({
            "listing": made.listing.listing_id, "dataset": dataset.name, "created": made.created,
            "location": dataset.location, "tables": dataset.tables, "products": dataset.products,
        })  # fmt: skip
        return
    state = "subscribed now" if made.created else "was subscribed already"
    put_facts([
        ("listing", f"{made.listing.listing_id}, {state}"),
        ("data set", f"{dataset.name} in {dataset.location}"),
        ("products", ", ".join(dataset.products) or "none that is known here"),
        ("tables", ", ".join(dataset.tables) or "none yet"),
    ])  # fmt: skip
    sources = [name for name in dataset.tables if name.endswith(_SOURCES)]
    if sources:
        source = f"bigquery://{dataset.name}.{sources[0]}"
        note("next", f"vistoria init --google --source {source}", fg="cyan", fold=False)
    elif not dataset.tables:
        say("no tables yet: they appear with the first snapshot; type this again later")
