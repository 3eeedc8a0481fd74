"""`echo`: answers that fit, the same each time, and faults that can be counted."""

from collections import Counter
from collections.abc import Mapping
from typing import Any

import pytest

from tests.contracts.models import EVERY_KIND, ModelContract
from vistoria.errors import (
    AnswerInvalid,
    ConfigError,
    ImageRefused,
    RateLimited,
    TransientError,
    UnknownName,
)
from vistoria.models.echo import Echo, open_model
from vistoria.records import Picture, Reply
from vistoria.task import Field, Task

pytestmark = pytest.mark.anyio

PICTURES = [Picture(uri=f"gs://photos/{number}.jpg") for number in range(2000)]


class TestContract(ModelContract):
    provider = "echo"


async def asked(options: Mapping[str, Any], name: str = "", task: Task = EVERY_KIND) -> list[Any]:
    """The outcomes of all PICTURES."""
    model = open_model(name, options)
    outcomes: list[Any] = []
    for start in range(0, len(PICTURES), 50):
        outcomes += await model.ask(task, PICTURES[start : start + 50])
    return outcomes


def answers(outcomes: list[Any]) -> list[Any]:
    return [outcome.answer for outcome in outcomes if isinstance(outcome, Reply)]


async def test_answers_are_already_values_of_the_task() -> None:
    for answer in answers(await asked({})):
        assert EVERY_KIND.parse(answer) == answer
        assert (answer["material"] is None) == (answer["asset"] != "pole")


async def test_every_allowed_answer_comes_up_about_as_often() -> None:
    found = answers(await asked({}))
    assert Counter(a["asset"] for a in found).keys() == {"pole", "sign", "none"}
    assert min(Counter(a["asset"] for a in found).values()) > 500
    assert {a["crossarms"] for a in found} == {None, 0, 1, 2, 3, 4, 5, 6}
    assert 2 <= min(a["height"] for a in found) < 3
    assert 29 < max(a["height"] for a in found) <= 30
    assert {d for a in found for d in a["defects"]} == {"rust", "crack", "rot"}


@pytest.mark.parametrize(
    ("low", "high", "integer"),
    [(None, None, False), (None, -5, False), (5, None, True), (0, 0, True), (-3, 3, True)],
)
async def test_numbers_keep_their_bounds(
    low: float | None, high: float | None, integer: bool
) -> None:
    field = Field("n", "number", minimum=low, maximum=high, integer=integer)
    task = Task(name="t", instructions="Count.", fields=(field,))
    for answer in answers(await asked({}, task=task)):
        assert task.parse(answer) == answer


async def test_the_same_seed_gives_the_same_and_another_other_answers() -> None:
    first = answers(await asked({"seed": 7}))
    assert first == answers(await asked({"seed": 7}))
    assert first != answers(await asked({"seed": 8}))
    assert first != answers(await asked({"seed": 7}, name="b"))
    other = Task(name="other", instructions="Other.", fields=EVERY_KIND.fields)
    assert first != answers(await asked({"seed": 7}, task=other))


async def test_lasting_faults_hit_their_share_and_the_same_pictures() -> None:
    options = {"refused": 0.05, "invalid": 0.1}
    outcomes = await asked(options)
    refused = [isinstance(outcome, ImageRefused) for outcome in outcomes]
    assert 60 < sum(refused) < 140
    assert refused == [isinstance(outcome, ImageRefused) for outcome in await asked(options)]
    invalid = [answer for answer in answers(outcomes) if isinstance(answer, str)]
    assert 140 < len(invalid) < 260
    with pytest.raises(AnswerInvalid):
        EVERY_KIND.parse(invalid[0])


async def test_a_careless_answer_fits_when_asked_again() -> None:
    model = open_model("", {"careless": 1.0})
    (first,) = await model.ask(EVERY_KIND, PICTURES[:1])
    (second,) = await model.ask(EVERY_KIND, PICTURES[:1], correction="Not JSON.")
    assert isinstance(first, Reply)
    assert isinstance(second, Reply)
    with pytest.raises(AnswerInvalid):
        EVERY_KIND.parse(first.answer)
    EVERY_KIND.parse(second.answer)


async def test_passing_faults_go_away_at_the_next_try() -> None:
    model = open_model("", {"failures": 0.2, "rate_limited": 0.1})
    failed: Counter[type] = Counter()
    for picture in PICTURES:
        while True:
            try:
                await model.ask(EVERY_KIND, [picture])
            except TransientError as error:
                failed[type(error)] += 1
            else:
                break
    assert 320 < failed[TransientError] < 480
    assert 140 < failed[RateLimited] < 260


@pytest.mark.parametrize(
    ("options", "batch_size", "local", "kind"),
    [
        ({}, 64, True, "none"),
        ({"latency": 0.01}, 1, False, "none"),
        ({"failures": 0.1}, 1, False, "none"),
        ({"read": True}, 64, True, "encoded"),
    ],
)
def test_stands_for_a_service_when_it_waits_or_fails(
    options: Mapping[str, Any], batch_size: int, local: bool, kind: str
) -> None:
    found = open_model("", options).capabilities
    assert (found.batch_size, found.local, found.image.kind) == (batch_size, local, kind)


async def test_tokens_are_as_asked() -> None:
    model = open_model("", {"input_tokens": 900, "output_tokens": 40})
    (reply,) = await model.ask(EVERY_KIND, PICTURES[:1])
    assert isinstance(reply, Reply)
    assert (reply.usage.input_tokens, reply.usage.output_tokens) == (900, 40)


def test_options_are_checked() -> None:
    with pytest.raises(UnknownName, match="did you mean 'latency'"):
        open_model("", {"latenci": 1})
    with pytest.raises(ConfigError, match=r"'refused'.*less than or equal to 1.*got 5"):
        open_model("", {"refused": 5})
    assert isinstance(open_model("", {"refused": "0.5"}), Echo)  # as from the environment
