"""What every model keeps. `tests/models/test_NAME.py` inherits it for the model NAME."""

import asyncio
import io
import json
from collections.abc import Mapping
from typing import Any, ClassVar, cast

import numpy as np
import pytest
from PIL import Image

from vistoria import registry
from vistoria.errors import UnknownName
from vistoria.models import Blocking, Model
from vistoria.records import Picture, Reply
from vistoria.task import Field, Task

EVERY_KIND = Task(
    name="contract",
    instructions="Describe the pole.",
    fields=(
        Field("asset", "choice", "What is it?", choices=("pole", "sign", "none")),
        Field("material", "choice", choices=("wood", "steel"), only_if={"asset": ("pole",)}),
        Field("height", "number", minimum=2, maximum=30, unit="m"),
        Field("crossarms", "number", minimum=0, maximum=6, integer=True, optional=True),
        Field("defects", "choices", choices=("rust", "crack", "rot")),
        Field("leaning", "boolean"),
        Field("plate", "text", max_length=40),
        Field("insulators", "boxes", choices=("glass", "porcelain")),
    ),
)
"""A task with every kind of field."""


def jpeg(number: int, side: int = 48) -> bytes:
    """A JPEG unlike that of any other number."""
    colour = (number * 37 % 256, number * 91 % 256, number * 151 % 256)
    file = io.BytesIO()
    Image.new("RGB", (side, side + number % 7), colour).save(file, "JPEG")
    return file.getvalue()


def picture(number: int, model: Model) -> Picture:
    """A picture in the form that the model wants."""
    form = model.capabilities.image
    uri = f"/photos/{number}.jpg"
    if form.kind == "none":
        return Picture(uri=uri)
    if form.kind == "encoded":
        return Picture(uri=uri, data=jpeg(number), mime_type="image/jpeg", width=48, height=48)
    assert form.width
    assert form.height
    dice = np.random.default_rng(number)
    pixels = dice.integers(0, 256, (form.height, form.width, 3), np.uint8)
    return Picture(uri=uri, pixels=pixels, width=form.width, height=form.height)


@pytest.mark.anyio
class ModelContract:
    """Inherit as `class TestContract(ModelContract)`, set `provider`, and override what differs.

    `name`: the part after the colon. `task`: one that the model answers at least in part.
    A model that needs a server starts it in an overriding fixture `options`.
    """

    provider: ClassVar[str]
    name: ClassVar[str] = ""
    task: ClassVar[Task] = EVERY_KIND

    @pytest.fixture
    def options(self) -> Mapping[str, Any]:
        """What the model is opened with."""
        return {}

    @pytest.fixture
    def model(self, options: Mapping[str, Any]) -> Model:
        """The model, open."""
        opened: Model = registry.load("models", self.provider).open_model(self.name, options)
        return opened

    def answerable(self, model: Model) -> Task:
        """The task without the fields that the model cannot answer."""
        missing = model.unanswerable(self.task)
        return self.task.only([f.name for f in self.task.fields if f.name not in missing])

    def test_says_what_it_is(self, model: Model) -> None:
        assert model.name.partition(":")[0] == self.provider
        assert json.loads(json.dumps(model.settings)) == dict(model.settings)
        assert model.capabilities.batch_size >= 1
        assert model.capabilities.concurrency >= 1
        form = model.capabilities.image
        assert form.kind != "pixels" or (form.width and form.height)

    def test_listed_models_bear_its_name(self) -> None:
        listed = registry.load("models", self.provider).listing()
        assert len(set(listed)) == len(listed)
        assert all(name.partition(":")[0] == self.provider for name in listed)

    def test_suggests_the_option_that_was_meant(self) -> None:
        with pytest.raises(UnknownName, match="no_such_option"):
            registry.load("models", self.provider).open_model(self.name, {"no_such_option": 1})

    def test_unanswerable_fields_are_of_the_task_and_in_its_order(self, model: Model) -> None:
        names = [field.name for field in self.task.fields]
        missing = model.unanswerable(self.task)
        assert list(missing) == [name for name in names if name in missing]
        assert set(missing) < set(names)

    async def test_answers_fit_the_task(self, model: Model) -> None:
        task = self.answerable(model)
        (reply,) = await model.ask(task, [picture(1, model)])
        await model.aclose()
        assert isinstance(reply, Reply)
        assert set(task.parse(reply.answer)) == {field.name for field in task.fields}
        assert reply.model_version
        assert min(reply.usage.input_tokens, reply.usage.output_tokens) >= 0
        for field, probability in (reply.confidence or {}).items():
            assert field in {f.name for f in task.fields}
            assert 0 <= probability <= 1

    async def test_gives_one_outcome_per_picture_in_order(self, model: Model) -> None:
        task = self.answerable(model)
        size = min(model.capabilities.batch_size, 5)
        pictures = [picture(number, model) for number in range(size)]
        together = await model.ask(task, pictures)
        alone = [(await model.ask(task, [each]))[0] for each in pictures]
        await model.aclose()
        assert len(together) == size
        assert [_values(task, reply) for reply in together] == [_values(task, r) for r in alone]

    async def test_answers_the_same_in_the_calling_thread(self, model: Model) -> None:
        if not model.capabilities.blocking:
            return
        task, pictures = self.answerable(model), [picture(number, model) for number in range(3)]
        assert cast("Blocking", model).answer(task, pictures) == await model.ask(task, pictures)
        await model.aclose()

    async def test_takes_many_calls_at_once(self, model: Model) -> None:
        task = self.answerable(model)
        calls = (model.ask(task, [picture(number, model)]) for number in range(20))
        outcomes = await asyncio.gather(*calls)
        await model.aclose()
        assert all(isinstance(reply, Reply) for (reply,) in outcomes)

    async def test_takes_a_correction(self, model: Model) -> None:
        task = self.answerable(model)
        wrong = 'material: got "wod"; allowed: "wood"'
        (reply,) = await model.ask(task, [picture(1, model)], correction=wrong)
        await model.aclose()
        assert isinstance(reply, Reply)

    async def test_takes_one_task_after_another(self, model: Model) -> None:
        task = self.answerable(model)
        narrow = task.only([task.fields[0].name])
        for each in (task, narrow, task):
            (reply,) = await model.ask(each, [picture(1, model)])
            assert isinstance(reply, Reply)
            assert set(each.parse(reply.answer)) == {field.name for field in each.fields}
        await model.aclose()

    async def test_outlives_an_event_loop(self, model: Model) -> None:
        task = self.answerable(model)

        async def once() -> object:
            (reply,) = await model.ask(task, [picture(1, model)])
            await model.aclose()
            return _values(task, reply)

        first, second = [await asyncio.to_thread(asyncio.run, once()) for _ in range(2)]
        assert first == second


def _values(task: Task, outcome: object) -> object:
    assert isinstance(outcome, Reply)
    return task.parse(outcome.answer)
