"""How much of a limit that nobody tells is used, and what is refused; outages. In virtual time.

`benchmarks/engine/simulated.py` does the same with seeds that nothing was tuned on.
"""

from bisect import bisect_right

import pytest

from tests.engine.simulated_service import (
    KINDS,
    Behaviour,
    InFlight,
    Outage,
    Seen,
    Service,
    Steps,
    TokenBucket,
    Unlimited,
    work,
)
from vistoria.engine.limits import Bounds, Limit
from vistoria.events import Event, LimitChanged

WARM = 15.0  # seconds in which a limit is found
UP_AND_DOWN: Steps = [(0, 100), (40, 200), (70, 50)]


def ask(service: Service, seconds: float, seed: int, most: int = 300, late: float = 0.0) -> Seen:
    """With as many images as can be asked."""
    bounds = Bounds(most=most)
    limit = Limit("simulated", bounds, seed=seed)
    return work(service, seconds, bounds, limit=limit, late=late)


def check(seen: Seen, use: float) -> None:
    """The bars of the engine."""
    assert use >= 0.95
    assert seen.refused() <= 0.02
    assert seen.failed == 0


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(("rate", "seed"), [(50, 1), (50, 2), (200, 4), (500, 5)])
def test_a_hidden_rate_is_found_and_kept(kind: str, rate: int, seed: int) -> None:
    steps = [(0.0, float(rate))]
    seen = ask(Service(KINDS[kind](steps), seed=seed), {50: 75.0, 200: 40.0, 500: 30.0}[rate], seed)
    check(seen, seen.use(steps, WARM))
    assert seen.limit.rate == pytest.approx(rate, rel=0.1), "not taken for a number at once"


@pytest.mark.parametrize("seed", [6, 7])
@pytest.mark.parametrize("hints", [None, 0.0])
def test_hints_when_to_come_again_do_no_harm(hints: float | None, seed: int) -> None:
    steps = [(0.0, 100.0)]
    service = Service(KINDS["sliding window"](steps), Behaviour(hints=hints), seed=seed)
    seen = ask(service, 45.0, seed)
    check(seen, seen.use(steps, WARM))


@pytest.mark.parametrize("kind", KINDS)
def test_timers_that_fire_late_cost_little(kind: str) -> None:
    """As on a machine that has much else to do."""
    steps = [(0.0, 100.0)]
    seen = ask(Service(KINDS[kind](steps), seed=17), 75.0, 17, late=0.005)
    check(seen, seen.use(steps, WARM))


@pytest.mark.parametrize("kind", KINDS)
def test_a_rate_that_goes_up_and_down_is_followed(kind: str) -> None:
    seen = ask(Service(KINDS[kind](UP_AND_DOWN), seed=8), 110.0, 8)
    check(seen, seen.warm_use(UP_AND_DOWN, 10.0))


@pytest.mark.parametrize(("share", "seed"), [(0.02, 15), (0.05, 15), (0.05, 16)])
def test_refusals_for_no_reason_do_not_starve_it(share: float, seed: int) -> None:
    """As from a service that shares what it has with others: slower would not help."""
    behaviour = Behaviour(noise=share, stragglers=0.0)
    seen = ask(Service(Unlimited(), behaviour, seed=seed), 90.0, seed, most=64)
    assert seen.failed == 0
    full = 64 * 30.0 / (seen.service.worked / len(seen.service.taken))
    assert seen.taken(60.0, 90.0) >= 0.6 * full


@pytest.mark.parametrize("seed", [9, 10])
def test_a_number_at_once_is_told_from_a_rate_and_followed(seed: int) -> None:
    steps: Steps = [(0, 20), (60, 60), (120, 30)]
    seen = ask(Service(InFlight(steps), seed=seed), 180.0, seed)
    assert seen.limit.learned.pace.rate is None, "the rate is not what matters"
    worked = seen.service.worked / (20 + 60 + 30) / 60.0
    check(seen, worked)


def test_without_a_limit_all_that_is_allowed_is_used() -> None:
    seen = ask(Service(Unlimited(), Behaviour(stragglers=0.0), seed=12), 20.0, 12, most=64)
    assert seen.limit.rate is None
    assert seen.service.most_at_once == 64
    assert seen.service.worked >= 0.95 * 64 * (seen.seconds - 1.0)


@pytest.mark.parametrize(("delay", "seed"), [(0.01, 13), (30.0, 13), (30.0, 14)])
def test_twenty_minutes_of_outage_cost_no_image(delay: float, seed: int) -> None:
    """Calls fail at once, or hang for half a minute and fail then."""
    end = 40.0 + 1200.0
    behaviour = Behaviour(outages=[Outage(begin=40.0, end=end, delay=delay)])
    service = Service(TokenBucket([(0.0, 50.0)], 1.0), behaviour, seed=seed)
    seen = ask(service, end + 60.0, seed, most=100)
    assert seen.failed == 0
    answered = service.answered
    before = (bisect_right(answered, 40.0) - bisect_right(answered, WARM)) / (40.0 - WARM)
    after = bisect_right(answered, end + 40.0) - bisect_right(answered, end + 30.0)
    assert after >= 0.95 * before * 10.0, "full speed 30 s after it"
    tried = len(service.refused) + len(service.taken) + len(service.failed)
    assert tried - len(answered) < 0.02 * tried + 1000, "few calls look whether it is over"


def test_an_outage_is_told_with_what_the_service_said() -> None:
    events: list[Event] = []
    outages = [Outage(begin=20.0, end=40.0)]
    service = Service(TokenBucket([(0, 50)], 1.0), Behaviour(outages=outages))
    work(service, 60.0, Bounds(most=64), emit=events.append)
    told = [event for event in events if isinstance(event, LimitChanged)]
    assert {event.service for event in told} == {"simulated"}
    assert any(event.rate == pytest.approx(50, rel=0.05) for event in told)
    assert "HTTP 503" in [event.outage for event in told[:-1]]
    assert told[-1].outage is None
    assert len(told) <= 60.0 / 0.5 + 1, "not too often"
