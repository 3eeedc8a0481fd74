"""Analytics Hub (BigQuery sharing) over gRPC, as far as subscribing needs it."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, NoReturn, Self

import grpc
from google.cloud import bigquery_analyticshub_v1 as hub
from google.rpc import code_pb2, error_details_pb2, status_pb2
from grpc_status import rpc_status  # type: ignore[import-untyped]

from tests.servers.bigquery_data import Warehouse

_SERVICE = "google.cloud.bigquery.analyticshub.v1.AnalyticsHubService"
_PROJECT_NUMBER = "814159265358"  # by which Google names the exchange's project in subscriptions


class AnalyticsHubServer:
    """`listings`: resource name → the DuckDB file whose tables a subscriber gets.

    `denied`: permissions that the account lacks. `disabled`: the API is off. `subscribed`: each
    request to subscribe, in order. `page`: listings in an answer.
    """

    def __init__(self, warehouse: Warehouse, tokens: set[str] | None = None) -> None:
        self.listings: dict[str, Path] = {}
        self.denied: set[str] = set()
        self.disabled = False
        self.page = 2
        self.subscribed: list[hub.SubscribeListingRequest] = []
        self._subscriptions: list[hub.Subscription] = []
        self._warehouse, self._tokens = warehouse, tokens
        self._server = grpc.server(ThreadPoolExecutor(4))
        methods = {
            "ListListings": _method(self._list, hub.ListListingsRequest, hub.ListListingsResponse),
            "SubscribeListing": _method(
                self._subscribe, hub.SubscribeListingRequest, hub.SubscribeListingResponse
            ),
            "ListSubscriptions": _method(
                self._list_subscriptions,
                hub.ListSubscriptionsRequest,
                hub.ListSubscriptionsResponse,
            ),
        }
        self._server.add_generic_rpc_handlers(
            (grpc.method_handlers_generic_handler(_SERVICE, methods),)
        )
        here: Any = grpc.local_server_credentials(grpc.LocalConnectionType.LOCAL_TCP)
        self.port = self._server.add_secure_port("127.0.0.1:0", here)

    @property
    def url(self) -> str:
        """Where it listens."""
        return f"http://127.0.0.1:{self.port}"

    def __enter__(self) -> Self:
        self._server.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.stop(None).wait(10)

    def publish(self, exchange: str, listing_id: str, tables: Path) -> str:
        """Offer the tables of a DuckDB file; returns the listing's resource."""
        name = f"{exchange}/listings/{listing_id}"
        self.listings[name] = tables
        return name

    def _list(
        self, request: hub.ListListingsRequest, context: grpc.ServicerContext
    ) -> hub.ListListingsResponse:
        self._check(context, "analyticshub.listings.list", request.parent)
        names = sorted(name for name in self.listings if name.startswith(request.parent + "/"))
        start = int(request.page_token or 0)
        end = start + self.page
        return hub.ListListingsResponse(
            listings=[
                hub.Listing(
                    name=name,
                    display_name=f"Imagery of {name.rpartition('/')[2]}",
                    state=hub.Listing.State.ACTIVE,
                )
                for name in names[start:end]
            ],
            next_page_token=str(end) if end < len(names) else "",
        )

    def _subscribe(
        self, request: hub.SubscribeListingRequest, context: grpc.ServicerContext
    ) -> hub.SubscribeListingResponse:
        self._check(context, "analyticshub.listings.subscribe", request.name)
        self.subscribed.append(request)
        target = request.destination_dataset
        reference, place = target.dataset_reference, request.name.split("/")[3]
        if request.name not in self.listings:
            context.abort(grpc.StatusCode.NOT_FOUND, f"Listing {request.name} is not found.")
        if target.location.lower() != place:
            context.abort(
                grpc.StatusCode.INVALID_ARGUMENT,
                f"Destination dataset location {target.location} does not match {place}.",
            )
        if (reference.project_id, reference.dataset_id) in self._warehouse.locations:
            context.abort(
                grpc.StatusCode.ALREADY_EXISTS,
                f"Already Exists: Dataset {reference.project_id}:{reference.dataset_id}",
            )
        self._warehouse.add_database(
            self.listings[request.name], reference.dataset_id, place.upper()
        )
        return hub.SubscribeListingResponse(subscription=self._record(request))

    def _record(self, request: hub.SubscribeListingRequest) -> hub.Subscription:
        reference = request.destination_dataset.dataset_reference
        rest = request.name.split("/")[2:]
        listing = "/".join(["projects", _PROJECT_NUMBER, *rest])
        linked = hub.Subscription.LinkedResource(
            linked_dataset=f"projects/{reference.project_id}/datasets/{reference.dataset_id}",
            listing=listing,
        )
        subscription = hub.Subscription(
            name=f"projects/{reference.project_id}/locations/{rest[1]}/subscriptions/1",
            listing=listing,
            state=hub.Subscription.State.STATE_ACTIVE,
            linked_dataset_map={listing: linked},
        )
        self._subscriptions.append(subscription)
        return subscription

    def _list_subscriptions(
        self, request: hub.ListSubscriptionsRequest, context: grpc.ServicerContext
    ) -> hub.ListSubscriptionsResponse:
        self._check(context, "analyticshub.subscriptions.list", request.parent)
        found = [one for one in self._subscriptions if one.name.startswith(request.parent + "/")]
        return hub.ListSubscriptionsResponse(subscriptions=found)

    def _check(self, context: grpc.ServicerContext, permission: str, resource: str) -> None:
        given = dict(context.invocation_metadata()).get("authorization", "")
        token = str(given).removeprefix("Bearer ")
        if self._tokens is not None and token not in self._tokens:
            context.abort(
                grpc.StatusCode.UNAUTHENTICATED,
                "Request had invalid authentication credentials. Expected OAuth 2 access token.",
            )
        if self.disabled:
            _refuse(
                context,
                "Analytics Hub API has not been used in project proj-1 before or it is disabled.",
                "SERVICE_DISABLED",
                service="analyticshub.googleapis.com",
                consumer="projects/proj-1",
            )
        if permission in self.denied:
            _refuse(
                context,
                f"Permission '{permission}' denied on resource '{resource}' (or it may not exist).",
                "IAM_PERMISSION_DENIED",
                permission=permission,
                resource=resource,
            )


def _refuse(context: grpc.ServicerContext, said: str, reason: str, **facts: str) -> NoReturn:
    """PERMISSION_DENIED with details, as Google's front ends give them."""
    status = status_pb2.Status(code=code_pb2.PERMISSION_DENIED, message=said)
    info = error_details_pb2.ErrorInfo(reason=reason, domain="googleapis.com", metadata=facts)
    status.details.add().Pack(info)
    context.abort_with_status(rpc_status.to_status(status))
    raise AssertionError


def _method(answer: Callable[..., Any], asked: Any, given: Any) -> Any:
    return grpc.unary_unary_rpc_method_handler(answer, asked.deserialize, given.serialize)
