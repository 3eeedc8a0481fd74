"""Training and validation lines for fine-tuning Gemini, in Google's format and within its limits.

Format and limits: Google's pages "Supervised fine-tuning for Gemini models" and "Tuning API", as of
2026-11-22 (docs/student.md names what could not be checked against Google itself).
"""

import json
import mimetypes
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from vistoria.errors import UserError
from vistoria.pricing import text_tokens
from vistoria.records import ImageRef, Value
from vistoria.student.dataset import TrainingSet
from vistoria.student.targets import class_name
from vistoria.task import Task

__all__ = ["BASES", "LIMITS", "Example", "Limits", "Prepared", "Sizes", "check_job", "prepare"]

BASES = (
    "gemini-3.5-flash-lite",
    "gemini-3.5-flash",
    "gemini-3.1-flash-lite",
    "gemini-2.5-flash",
    "gemini-2.5-flash-lite",
    "gemini-2.5-pro",
)
Sizes = Callable[[Sequence[str]], Mapping[str, int]]
"""gs:// addresses → bytes of each that is there."""


@dataclass(frozen=True, slots=True)
class Limits:
    """What Google takes. `validation_share` of the training lines, where those are more than
    `validation_free`."""

    tokens: int = 131_072
    file_bytes: int = 1 << 30
    examples: int = 300_000
    fewest: int = 16
    advised: int = 100
    validation: int = 5_000
    validation_share: float = 0.3
    validation_free: int = 1_000
    image_bytes: int = 20_000_000
    images: int = 30
    adapters: tuple[int, ...] = (1, 2, 4, 8, 16)
    regions: tuple[str, ...] = ("us-central1", "europe-west4")
    name: int = 128
    mime_types: tuple[str, ...] = (
        "image/jpeg", "image/png", "image/webp", "image/heic", "image/heif",
    )  # fmt: skip


LIMITS = Limits()


class Example(NamedTuple):
    """One line: a picture by its address, and what the model shall answer."""

    ordinal: int
    uri: str
    answer: Mapping[str, Value]


@dataclass(frozen=True, slots=True, kw_only=True)
class Prepared:
    """Lines that are ready to be sent. `tokens`: of all training lines, as counted on and at the
    most; `classes`: field → answer → lines. `skipped`: why → rows that were left out."""

    training: tuple[Example, ...]
    validation: tuple[Example, ...]
    tokens: tuple[int, int]
    classes: Mapping[str, Mapping[str, int]]
    skipped: Mapping[str, int]
    task: Task

    def write(self, folder: Path, limits: Limits = LIMITS) -> tuple[Path, Path]:
        """The two JSONL files; raises UserError where one is larger than Google takes."""
        folder.mkdir(parents=True, exist_ok=True)
        paths = (folder / "training.jsonl", folder / "validation.jsonl")
        for path, examples in zip(paths, (self.training, self.validation), strict=True):
            with path.open("wb") as file:
                for example in examples:
                    file.write(line(self.task, example))
            if (size := path.stat().st_size) > limits.file_bytes:
                raise UserError(
                    f"{path.name} has {size:,} bytes; Google takes {limits.file_bytes:,}: name "
                    "fewer rows with --examples, or shorten the instructions"
                )
        return paths


def line(task: Task, example: Example) -> bytes:
    """A line in the form in which the tuned model will be asked: prompt first, picture last."""
    kind = mime_type(example.uri)
    image = {"fileData": {"mimeType": kind, "fileUri": example.uri}}
    said = json.dumps(dict(example.answer), ensure_ascii=False)
    document = {
        "contents": [
            {"role": "user", "parts": [{"text": task.prompt}, image]},
            {"role": "model", "parts": [{"text": said}]},
        ]
    }
    return json.dumps(document, ensure_ascii=False, separators=(",", ":")).encode() + b"\n"


def mime_type(uri: str) -> str | None:
    """Of an address by its suffix; JPEG where it has none."""
    name = uri.rpartition("/")[2]
    return mimetypes.guess_type(name)[0] if "." in name else "image/jpeg"


def prepare(
    rows: TrainingSet, task: Task, *, image_tokens: int, examples: int | None = None,
    sizes: Sizes | None = None, limits: Limits = LIMITS,
) -> Prepared:  # fmt: skip
    """Lines from labels and decisions: training from the training part of the assets, validation
    from the validation part; the test part is kept for judging the tuned model.

    `image_tokens`: of one picture. `examples`: training lines at the most, chosen so that rare
    answers, "none" among them, stay in. Raises UserError where a limit is broken by all of it.
    """
    skipped: dict[str, int] = {}
    parts: list[list[Example]] = [[], []]
    for part in (0, 1):
        found = list(_examples(rows, task, part, skipped, limits))
        parts[part] = _sized(found, sizes, skipped, limits)
    training = _chosen(parts[0], task, min(examples or limits.examples, limits.examples))
    _check_tokens(training, task, image_tokens, limits)
    if len(training) < limits.fewest:
        why = "; ".join(f"{reason}: {count:,}" for reason, count in skipped.items())
        raise UserError(
            f"{len(training)} rows to tune on; Google takes no fewer than {limits.fewest:,}, and "
            f"advises {limits.advised}" + (f" (left out: {why})" if why else "")
        )
    most = limits.validation
    if len(training) > limits.validation_free:
        most = min(most, int(limits.validation_share * len(training)))
    expected, worst = text_tokens(task.prompt)
    written = [text_tokens(json.dumps(dict(one.answer))) for one in training]
    return Prepared(
        training=tuple(training), validation=tuple(_chosen(parts[1], task, most)), task=task,
        skipped=skipped, classes=_classes(training, task),
        tokens=(
            len(training) * (expected + image_tokens) + sum(one.expected for one in written),
            len(training) * (worst + image_tokens) + sum(one.worst for one in written),
        ),
    )  # fmt: skip


def _examples(
    rows: TrainingSet, task: Task, part: int, skipped: dict[str, int], limits: Limits
) -> Iterator[Example]:
    names = [one.name for one in task.fields]
    for i in np.flatnonzero(rows.part == part).tolist():
        image = rows.images[i]
        why = _unfit(image, limits)
        if not why and any(rows.weights[name][i] == 0 for name in names):
            why = "people could not tell"
        if why:
            skipped[why] = skipped.get(why, 0) + 1
        else:
            answer = {name: rows.labels[name][i] for name in names}
            yield Example(int(rows.ordinals[i]), image.uri, answer)


def _unfit(image: ImageRef, limits: Limits) -> str:
    if not image.uri.startswith(("gs://", "https://")):
        return "not in Cloud Storage"
    kind = mime_type(image.uri)
    return "" if kind in limits.mime_types else f"of type {kind}"


def _sized(
    found: list[Example], sizes: Sizes | None, skipped: dict[str, int], limits: Limits
) -> list[Example]:
    """Without pictures that are missing or too large."""
    if sizes is None:
        return found
    known = sizes([one.uri for one in found if one.uri.startswith("gs://")])
    kept = []
    for one in found:
        size = known.get(one.uri, 0 if one.uri.startswith("https://") else None)
        why = "missing" if size is None else "too large" if size > limits.image_bytes else ""
        if why:
            skipped[why] = skipped.get(why, 0) + 1
        else:
            kept.append(one)
    return kept


def _chosen(found: list[Example], task: Task, most: int) -> list[Example]:
    """At most so many, by the square root of how common their first answer is, in a fixed order."""
    if len(found) <= most:
        return found
    name = next((f.name for f in task.fields if f.kind in ("choice", "boolean")), None)
    groups: dict[str, list[Example]] = {}
    for one in found:
        groups.setdefault("" if name is None else class_name(one.answer[name]), []).append(one)
    dice = np.random.default_rng(0)
    queues = [[group[i] for i in dice.permutation(len(group))] for group in groups.values()]
    quota = _quotas([len(queue) for queue in queues], most)
    kept = [one for queue, count in zip(queues, quota, strict=True) for one in queue[:count]]
    return sorted(kept, key=lambda one: one.ordinal)


def _quotas(sizes: Sequence[int], most: int) -> list[int]:
    """Parts of `most` by the square roots of `sizes`, none larger than its size."""
    left, given = most, [0] * len(sizes)
    open_ones = set(range(len(sizes)))
    while left > 0 and open_ones:
        roots = sum(sizes[i] ** 0.5 for i in open_ones)
        shares = {i: max(1, int(left * sizes[i] ** 0.5 / roots)) for i in sorted(open_ones)}
        for i, share in shares.items():
            added = min(share, sizes[i] - given[i], left)
            given[i] += added
            left -= added
        open_ones = {i for i in open_ones if given[i] < sizes[i]}
    return given


def _check_tokens(
    training: Sequence[Example], task: Task, image_tokens: int, limits: Limits
) -> None:
    prompt = text_tokens(task.prompt).worst + image_tokens
    for one in training:
        tokens = prompt + text_tokens(json.dumps(dict(one.answer))).worst
        if tokens > limits.tokens:
            raise UserError(
                f"an example may have {tokens:,} tokens, and Google takes {limits.tokens:,}: "
                "shorten the instructions or help"
            )


def _classes(training: Sequence[Example], task: Task) -> dict[str, dict[str, int]]:
    found: dict[str, dict[str, int]] = {}
    for field in task.fields:
        if field.kind in ("choice", "boolean"):
            counts = found.setdefault(field.name, {})
            for one in training:
                key = class_name(one.answer[field.name])
                counts[key] = counts.get(key, 0) + 1
    return found


def check_job(
    *, base: str, region: str, adapter: int | None, epochs: int | None, name: str,
    limits: Limits = LIMITS,
) -> None:  # fmt: skip
    """Raises UserError for what Google would refuse about the job itself."""
    if base not in BASES:
        raise UserError(f"{base!r} cannot be tuned; Google tunes {', '.join(BASES)}")
    if region not in limits.regions:
        raise UserError(
            f"tuning runs in {' or '.join(limits.regions)}, not in {region!r}: use --region"
        )
    if adapter is not None and adapter not in limits.adapters:
        sizes = ", ".join(map(str, limits.adapters))
        raise UserError(f"the adapter's size is one of {sizes}, not {adapter}")
    if epochs is not None and not 1 <= epochs <= 100:
        raise UserError(f"{epochs} passes over the lines: give 1 to 100, or let Google choose")
    if not name or len(name) > limits.name:
        raise UserError(f"a tuned model's name has 1 to {limits.name} characters, not {len(name)}")


def document_of(prepared: Prepared) -> dict[str, Any]:
    """What is going to be sent, as JSON values."""
    return {
        "training_lines": len(prepared.training), "validation_lines": len(prepared.validation),
        "tokens_per_pass": prepared.tokens[0], "tokens_per_pass_at_most": prepared.tokens[1],
        "answers": {key: dict(row) for key, row in prepared.classes.items()},
        "left_out": dict(prepared.skipped),
    }  # fmt: skip
