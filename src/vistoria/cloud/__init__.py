"""What only Google Cloud needs: the linked data set, its subscription, and the doctor's checks.

For notebooks, what the commands do; settings are those of the project and the environment:

    from vistoria import cloud

    cloud.sign_in()
    cloud.subscribe()
    cloud.check()
"""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from vistoria.cloud.finding import Finding
    from vistoria.cloud.subscription import Subscribed

__all__ = ["check", "sign_in", "subscribe"]


def sign_in() -> str:
    """Fetches a token, in Colab after asking the person; returns whose it is.

    Raises SignInMissing or SignInFailed, with the next step.
    """
    from vistoria.google_account import GoogleAccount  # noqa: PLC0415
    from vistoria.project import load_project  # noqa: PLC0415

    account = GoogleAccount(
        load_project().google.settings, needed_for="Google Cloud", extra="google"
    )
    account.credentials()
    return account.member or "signed in"


def subscribe(listing: str | None = None, dataset: str | None = None) -> "Subscribed":
    """As `vistoria subscribe`: the linked data set and its tables, made if need be."""
    from vistoria.cloud import subscription  # noqa: PLC0415
    from vistoria.cloud.clients import Clients  # noqa: PLC0415
    from vistoria.project import load_project  # noqa: PLC0415

    google = load_project().google.settings
    clients = Clients(google)
    exchange = subscription.exchange_of(google.location)
    found = subscription.find(clients, exchange, listing, google.customer)
    return subscription.subscribe(clients, found, dataset)


def check(
    source: str | None = None,
    *,
    task: str | None = None,
    model: str | None = None,
    ask: bool = True,
) -> "tuple[Finding, ...]":
    """As `vistoria doctor`: what works and what does not, each failure with its next step."""
    from vistoria.cloud.doctor import examine  # noqa: PLC0415
    from vistoria.cloud.visit import Visit  # noqa: PLC0415
    from vistoria.project import load_project  # noqa: PLC0415

    flags = {"source.address": source, "task.name": task, "model.name": model}
    return tuple(examine(Visit(load_project(flags=flags), ask=ask)))
