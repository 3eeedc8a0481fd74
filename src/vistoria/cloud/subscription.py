"""Subscribing to the customer's imagery: a listing becomes a linked data set in the own project."""

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from vistoria.cloud.clients import Clients, answering
from vistoria.cloud.facts import imagery
from vistoria.cloud.imagery import Dataset, look_at
from vistoria.errors import AccessDenied, ConfigError, UnknownName, UserError

if TYPE_CHECKING:
    from google.cloud.bigquery_analyticshub_v1 import AnalyticsHubServiceClient
    from google.cloud.bigquery_analyticshub_v1 import Listing as HubListing

__all__ = ["Listing", "Subscribed", "exchange_of", "find", "listings", "subscribe"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Listing:
    """`name`: its resource; `listing_id`: the last part of it."""

    name: str
    title: str
    about: str

    @property
    def listing_id(self) -> str:
        """What the listing is called in its exchange."""
        return self.name.rpartition("/")[2]


@dataclass(frozen=True, slots=True, kw_only=True)
class Subscribed:
    """`created`: it was not there before."""

    listing: Listing
    dataset: Dataset
    created: bool


def exchange_of(location: str | None, exchange: str | None = None) -> str:
    """The exchange's resource; `exchange` where it is not the usual one. Raises ConfigError."""
    if exchange:
        if not re.fullmatch(r"projects/[^/]+/locations/[^/]+/dataExchanges/[^/]+", exchange):
            raise ConfigError(
                f"{exchange!r} is no exchange; write projects/…/locations/…/dataExchanges/…"
            )
        return exchange
    known = imagery().locations
    if location is None:
        raise ConfigError(
            f"where is the imagery to be? Set location to {' or '.join(map(repr, known))}, as your "
            "contract says",
            looked_at=("--location", "VISTORIA_GOOGLE_LOCATION", "location in [google]"),
        )
    if location.lower() not in known:
        raise ConfigError(
            f"Street View Insights is listed in {' and '.join(known)}, not in {location!r}; "
            "set location to one of them (region is where models answer)"
        )
    return imagery().exchange.format(location=location.lower())


def listings(clients: Clients, exchange: str) -> tuple[Listing, ...]:
    """What an exchange offers you, by id. Raises AccessDenied, UserError."""
    hub = clients.analytics_hub()
    with answering():
        found = [_listing(one) for one in hub.list_listings(parent=exchange)]
    return tuple(sorted(found, key=lambda one: one.name))


def find(
    clients: Clients, exchange: str, wanted: str | None = None, customer: str | None = None
) -> Listing:
    """The listing named (`wanted`), else the customer's, else the only one there is.

    Who may not list the exchange gets the one that bears the name, as the guide builds it. Raises
    AccessDenied, ConfigError, UnknownName, UserError.
    """
    location = exchange.split("/")[3]
    part = (customer or "").replace("-", "_")
    usual = imagery().listing.format(customer=part, location=location) if customer else None
    name = wanted or usual
    try:
        known = {one.listing_id: one for one in listings(clients, exchange)}
    except AccessDenied:
        if name is None:
            raise
        return Listing(name=f"{exchange}/listings/{name}", title="", about="")
    if not known:
        raise UserError(
            "the exchange lists nothing for you: ask Google's contact for your contract to give "
            "the account you run as access to your listing"
        )
    if name is None and len(known) == 1:
        return next(iter(known.values()))
    if name is None:
        raise ConfigError(
            f"which listing is yours? There are {', '.join(known)}",
            looked_at=(
                "--listing",
                "--customer",
                "VISTORIA_GOOGLE_CUSTOMER",
                "customer in [google]",
            ),
        )
    if name not in known:
        raise UnknownName("listing", name, tuple(known))
    return known[name]


def subscribe(clients: Clients, listing: Listing, dataset: str | None = None) -> Subscribed:
    """Subscribes unless it is done already, and looks at the data set that came of it.

    `dataset`: the id of the linked data set. Raises AccessDenied, UserError, TransientError.
    """
    hub, project = clients.analytics_hub(), clients.project()
    location = listing.name.split("/")[3]
    there = _existing(hub, project, location, listing)
    created = there is None
    if there is None:
        name = dataset or imagery().dataset.format(location=location)
        there = _create(hub, project, location, listing, name)
    elif dataset and there.rpartition(".")[2] != dataset:
        raise UserError(
            f"you are subscribed to {listing.listing_id} already, by the data set {there}; leave "
            "out --dataset, or remove that subscription first"
        )
    return Subscribed(listing=listing, dataset=look_at(clients.bigquery(), there), created=created)


def _listing(given: "HubListing") -> Listing:
    return Listing(name=given.name, title=given.display_name, about=given.description)


def _existing(
    hub: "AnalyticsHubServiceClient", project: str, location: str, listing: Listing
) -> str | None:
    """The data set of an active subscription to this listing, as "project.dataset"."""
    from google.cloud.bigquery_analyticshub_v1 import Subscription  # noqa: PLC0415

    with answering():
        for one in hub.list_subscriptions(parent=f"projects/{project}/locations/{location}"):
            # Google names projects by number here, and we by id: the rest must be the same.
            same = one.listing.split("/")[2:] == listing.name.split("/")[2:]
            if same and one.state == Subscription.State.STATE_ACTIVE:
                linked = [entry.linked_dataset for entry in one.linked_dataset_map.values()]
                if linked:
                    return f"{project}.{linked[0].rpartition('/')[2]}"
    return None


def _create(
    hub: "AnalyticsHubServiceClient", project: str, location: str, listing: Listing, name: str
) -> str:
    from google.api_core.exceptions import AlreadyExists  # noqa: PLC0415
    from google.cloud import bigquery_analyticshub_v1 as analytics_hub  # noqa: PLC0415

    target = analytics_hub.DestinationDataset(
        dataset_reference=analytics_hub.DestinationDatasetReference(
            dataset_id=name, project_id=project
        ),
        location=location,
    )
    request = analytics_hub.SubscribeListingRequest(name=listing.name, destination_dataset=target)
    with answering():
        try:
            hub.subscribe_listing(request=request)
        except AlreadyExists:
            raise UserError(
                f"there is a data set {project}.{name} already, and it is not this listing's; "
                "name another with --dataset"
            ) from None
    return f"{project}.{name}"
