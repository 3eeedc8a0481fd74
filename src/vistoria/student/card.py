"""A student's card: what it was made from, how good it is, where it must not be trusted."""

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from vistoria.pricing import format_money
from vistoria.student.finetuning.tuned import tuned_lines

if TYPE_CHECKING:
    from vistoria.student.quantise import Quantised
    from vistoria.student.student import Student
    from vistoria.student.training import Fitted

__all__ = ["card_document", "card_text"]


def card_document(
    student: "Student", version: str, thresholds: Mapping[str, float | None],
    quantised: "Quantised | None",
) -> dict[str, Any]:  # fmt: skip
    """All that the card says, as JSON values."""
    rows, learned = student.rows, student.learned
    return {
        "name": student.name, "version": version,
        "made_at": datetime.now(UTC).isoformat(timespec="seconds"),
        "task": student.task.name, "task_fingerprint": student.task.fingerprint,
        "teacher": {"model": rows.teacher_name, "versions": list(rows.teacher_versions)},
        "backbone": {
            "name": student.backbone.name, "version": student.backbone.version,
            **student.backbone.taken, **_origin(student),
            "dimensions": int(student.embedded.vectors.shape[1]),
        },
        "rows": {
            "learned_from": int((rows.part == 0).sum()),
            "validation": int((rows.part == 1).sum()), "test": int((rows.part == 2).sum()),
            "locked_marks": len(rows.locked), "unreadable": dict(student.embedded.failed),
        },
        "reviewed_samples": [one.sample_id for one in rows.samples],
        "cost": {
            "teacher_labels": format_money(student.spent.money),
            "teacher_requests": student.spent.requests,
            "embedding": format_money(student.embedded.spent.money),
            "seconds_to_train": round(student.seconds, 1),
        },
        "abstain_target": student.settings.abstain,
        "fields": {name: _field(one, thresholds[name]) for name, one in learned.fields.items()},
        "left_to_teacher": dict(learned.left),
        "suspects": len(learned.suspects),
        "int8": None if quantised is None else quantised.document(),
        "fine_tuning": None if student.tuned is None else student.tuned.document(student.learned),
    }  # fmt: skip


def _origin(student: "Student") -> dict[str, Any]:
    """Where a backbone in this file comes from, if more is known than its name."""
    about = dict(getattr(student.backbone, "about", {}))
    return {"fine_tuned": student.tuned is not None} | ({"made_from": about} if about else {})


def _field(fitted: "Fitted", threshold: float | None) -> dict[str, Any]:
    target = fitted.head.target
    return {
        "kind": target.field.kind, "form": fitted.head.form, "trained": fitted.trained,
        "rows": fitted.rows, "decided_by_people": fitted.human,
        "classes": list(target.classes), "too_rare": dict(target.rare),
        "temperature": round(fitted.head.temperature, 4),
        "calibrated_on": "people's decisions" if fitted.trusted else "the teacher's labels",
        "tolerance": fitted.head.tolerance or None, "abstain_below": threshold,
        "test": fitted.test.document(),
        "learning_curve": [[point.rows, round(point.agreement, 4)] for point in fitted.curve],
    }  # fmt: skip


def card_text(card: Mapping[str, Any]) -> str:
    """The card as Markdown."""
    return "\n".join(
        [
            *_head(card),
            *_table(card),
            *tuned_lines(card["fine_tuning"]),
            *_curves(card),
            *_limits(card),
            "",
        ]
    )


def _head(card: Mapping[str, Any]) -> Iterator[str]:
    rows, cost, bone = card["rows"], card["cost"], card["backbone"]
    versions = ", ".join(card["teacher"]["versions"]) or "version unknown"
    yield f"# Model card: {card['name']} {card['version']}"
    yield ""
    yield f"Answers the fields of task `{card['task']}` as {card['teacher']['model']} would."
    yield ""
    yield f"- **Teacher**: {card['teacher']['model']} ({versions})."
    yield _form(bone)
    yield (
        f"- **Data**: learned from {rows['learned_from']:,} rows; {rows['validation']:,} for "
        f"thresholds and {rows['test']:,} for the figures below. All photos of an asset and all "
        "copies of a picture are on one side. Samples for certification and calibration, and what "
        "shows the same asset or picture, were left out."
    )
    yield (
        f"- **Cost**: labels {cost['teacher_labels']} ({cost['teacher_requests']:,} requests), "
        f"{cost['seconds_to_train']:,} s to train"
        + (f"; numbers of the photos {cost['embedding']}." if "embedding" in bone else ".")
    )
    if card["int8"]:
        small = card["int8"]
        least = min(small["same_answers"].values())
        yield (
            f"- **8 bits**: {small['bytes_before']:,} bytes became {small['bytes_after']:,}; at "
            f"least {least:.1%} of {small['rows']} answers stayed the same in every field."
        )
    yield ""


def _form(bone: Mapping[str, Any]) -> str:
    if "embedding" in bone:
        return (
            f"- **Form**: one ONNX file of heads. Input `embedding`: float32 [N, "
            f"{bone['dimensions']}], what `{bone['name']}` says of a photo alone, at that many "
            "dimensions; one linear head per field. `probe:` asks that service, which is paid for "
            "each photo, and answers here."
        )
    return (
        f"- **Form**: one ONNX file. Input `image`: uint8 [N, {bone['height']}, {bone['width']}, "
        f"3], RGB, the photo stretched to that size. Backbone `{bone['name']}` {bone['version']}, "
        f"{'fine-tuned' if bone['fine_tuned'] else 'frozen'}, {bone['dimensions']} features; one "
        "linear head per field."
    )


def _table(card: Mapping[str, Any]) -> Iterator[str]:
    yield "## How good it is"
    yield ""
    yield (
        "On rows that it never saw, one per asset, with 95 % limits (Clopper-Pearson). *Agreement* "
        "is with the teacher, which may be wrong itself; *accuracy* is against people. *ECE*: the "
        "expected error of the confidence. *Sure from*: the confidence from which "
        f"{card['abstain_target']:.0%} of its answers agree, certified at 95 %."
    )
    yield ""
    yield "| field | learned from | agreement | accuracy | ECE | sure from |"
    yield "|---|---|---|---|---|---|"
    for name, one in card["fields"].items():
        test = one["test"]
        note = "" if one["trained"] else " (no better than guessing: not used)"
        sure = "never" if one["abstain_below"] is None else f"{one['abstain_below']:.3f}"
        yield (
            f"| {name}{note} | {one['rows']:,} ({one['decided_by_people']:,} by people) | "
            f"{_share(test['agreement'], test['assets'])} | "
            f"{_share(test['accuracy'], test['people'])} | {test['calibration_error']:.3f} | "
            f"{sure} |"
        )
    yield ""
    for name, one in card["fields"].items():
        if matrix := one["test"]["confusion"]:
            yield from _confusion(name, matrix)


def _share(given: Mapping[str, float | None], of: int) -> str:
    if given["estimate"] is None:
        return "not measured"
    return f"{given['estimate']:.3f} ({given['low']:.3f} … {given['high']:.3f}), {of:,} rows"


def _confusion(name: str, matrix: Mapping[str, Mapping[str, int]]) -> Iterator[str]:
    said = sorted({answer for row in matrix.values() for answer in row} | set(matrix))
    yield f"### {name}: label (down) and answer (across), test rows"
    yield ""
    yield "| | " + " | ".join(said) + " |"
    yield "|---" * (len(said) + 1) + "|"
    for label in said:
        cells = (str(matrix.get(label, {}).get(answer, 0)) for answer in said)
        yield f"| {label} | " + " | ".join(cells) + " |"
    yield ""


def _curves(card: Mapping[str, Any]) -> Iterator[str]:
    if card["fine_tuning"]:
        return  # the backbone has seen all of them
    yield "## More labels?"
    yield ""
    yield "Agreement on validation rows when learning from fewer of them:"
    yield ""
    for name, one in card["fields"].items():
        points = ", ".join(f"{rows:,}: {share:.3f}" for rows, share in one["learning_curve"])
        yield f"- {name}: {points or 'too few rows'}"
    yield ""


def _limits(card: Mapping[str, Any]) -> Iterator[str]:
    tuned = card["fine_tuning"] is not None
    yield "## Limits"
    yield ""
    for name, why in card["left_to_teacher"].items():
        yield f"- `{name}` is left to the teacher: {why}."
    for name, one in card["fields"].items():
        if one["too_rare"]:
            seldom = ", ".join(f"{key} ({n})" for key, n in one["too_rare"].items())
            yield f"- `{name}`: never answers what was too rare to learn: {seldom}."
    yield "- It repeats errors that the teacher makes consistently; only chance errors average out."
    yield (
        "- Do not count rare classes from its answers or from a cascade's: take counts that are "
        "corrected for label errors (`vistoria report`)."
    )
    yield (
        "- On other cameras, regions, seasons or snapshots it may be worse: certify it there again "
        "(`vistoria cascade`)."
    )
    who = "the backbone before its fine-tuning, which had not seen them," if tuned else "it"
    yield (
        f"- {card['suspects']:,} labels that {who} doubts are listed in the file beside this one, "
        "the most doubtful first."
    )
