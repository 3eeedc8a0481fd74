"""The columns of what is published: the same names, types and meanings wherever they go."""

from collections.abc import Mapping
from typing import NamedTuple

import pyarrow as pa

__all__ = ["FORM", "TABLES", "Column", "schema_of"]

FORM = 1
"""The version of these columns; a change of any raises it, so that all is published again."""

_MOMENT = pa.timestamp("us", "UTC")


class Column(NamedTuple):
    """A column: its name, its type, what it says."""

    name: str
    type: pa.DataType
    text: str


_OF_RUN = (
    Column("run", pa.string(), "Which run, in 16 hexadecimal digits that no other run has."),
    Column("row_key", pa.string(), "Which row of the run; with `run` the key of the table."),
    Column("version", pa.string(), "Of the edition in which the row was published."),
)
_PLACED = (
    Column("asset_id", pa.string(), "The thing that is shown, where the source names it."),
    Column("asset_type", pa.string(), "What the source says that it is."),
    Column("snapshot_id", pa.string(), "The state of the source."),
    Column("latitude", pa.float64(), "Degrees north, WGS 84."),
    Column("longitude", pa.float64(), "Degrees east, WGS 84."),
)
_PHOTO = (
    Column("ordinal", pa.int64(), "The number of the observation in the ledger."),
    Column("observation_id", pa.string(), "As the source names it."),
    Column("uri", pa.string(), "Where the image is."),
    *_PLACED,
)
_VALUE = (
    Column("field", pa.string(), "The field of the task."),
    Column("value", pa.string(), "The answer as people read it: `wood`, `yes`, `50`, `a + b`."),
    Column("number", pa.float64(), "The answer, where the field is a number."),
    Column("value_json", pa.string(), "The answer as JSON, exactly as it was accepted."),
)
_OPEN = "; null where nobody reviewed a sample"


def _limits(name: str, what: str) -> tuple[Column, ...]:
    return (
        Column(name, pa.float64(), what + _OPEN + "."),
        Column(f"{name}_low", pa.float64(), f"Lower limit of `{name}`."),
        Column(f"{name}_high", pa.float64(), f"Upper limit of `{name}`."),
    )


TABLES: Mapping[str, tuple[Column, ...]] = {
    "labels": (
        *_OF_RUN, *_PHOTO,
        Column("captured_at", _MOMENT, "When the photo was taken."),
        Column("heading", pa.float64(), "Where the camera looked, degrees from north."),
        Column("map_url", pa.string(), "A page that shows the place."),
        *_VALUE,
        Column("confidence", pa.float64(), "Of this answer, where the model gives one."),
        Column("model", pa.string(), "The model that was asked."),
        Column("model_version", pa.string(), "The version that answered."),
        Column("task", pa.string(), "The task's name."),
        Column("task_fingerprint", pa.string(), "What the task asked, as a hash."),
        Column("field_fingerprint", pa.string(), "What the field means, as a hash."),
        Column("image_sha256", pa.string(), "Of the image's bytes, where they were seen."),
        Column("answered_at", _MOMENT, "When the answer came."),
        Column("attribution", pa.string(), "Whose pictures they are."),
    ),
    "assets": (
        *_OF_RUN, *_PLACED,
        Column("photos", pa.int64(), "How many photos the answer rests on."),
        *_VALUE,
        Column("confidence", pa.float64(), "From reviews of whole assets; null without."),
        Column("share", pa.float64(), "Of the photos, how many say so."),
        Column("conflict", pa.bool_(), "Whether photos of the asset disagree."),
        Column("model", pa.string(), "The model that was asked."),
        Column("task", pa.string(), "The task's name."),
        Column("field_fingerprint", pa.string(), "What the field means, as a hash."),
        Column("attribution", pa.string(), "Whose pictures they are."),
    ),
    "failures": (
        *_OF_RUN, *_PHOTO,
        Column("reason", pa.string(), "Why there is no answer, in a word."),
        Column("detail", pa.string(), "The same in a sentence."),
        Column("model", pa.string(), "The model that was asked."),
        Column("failed_at", _MOMENT, "When it was asked last."),
    ),
    "counts": (
        *_OF_RUN,
        Column("field", pa.string(), "The field of the task."),
        Column("answer", pa.string(), "The answer that is counted."),
        Column("unit", pa.string(), "What is counted: photo or asset."),
        Column("scope", pa.string(), "The part of the run that is counted."),
        Column("units", pa.int64(), "How many there are of all answers."),
        Column("machine", pa.int64(), "To how many the model gave this answer."),
        *_limits("corrected", "How many there are, corrected for wrong labels"),
        *_limits("precision", "Of the model's, the share that is right"),
        *_limits("recall", "Of those there are, the share that the model found"),
        Column("confidence", pa.float64(), "Of each interval."),
        Column("reviewed", pa.int64(), "How many units people looked at."),
        Column("sample", pa.int64(), "The sample that corrects, by number."),
        Column("simulated", pa.bool_(), "The reviewer was made up; for demonstrations only."),
        Column("note", pa.string(), "Why nothing is corrected, where nothing is."),
    ),
    "certificates": (
        *_OF_RUN,
        Column("certificate", pa.int64(), "Its number in the ledger."),
        Column("sample", pa.int64(), "The sample that it rests on."),
        Column("field", pa.string(), "Whose labels it speaks of."),
        Column("answer", pa.string(), "Only labels with this answer; null: all of the field."),
        Column("measure", pa.string(), "`right` or `recall`."),
        Column("at_least", pa.float64(), "The share that is proven at least."),
        Column("estimate", pa.float64(), "What the sample shows."),
        Column("level", pa.float64(), "The confidence of the sentence."),
        Column("reviewed", pa.int64(), "How many labels people looked at."),
        Column("sentence", pa.string(), "What a contract can hold."),
        Column("simulated", pa.bool_(), "The reviewer was made up; for demonstrations only."),
        Column("issued_at", _MOMENT, "When it was issued."),
        Column("document", pa.string(), "Every figure and what it is bound to, as JSON."),
    ),
    "runs": (
        *_OF_RUN,
        Column("number", pa.int64(), "The run's number in its ledger."),
        Column("task", pa.string(), "The task's name."),
        Column("task_fingerprint", pa.string(), "What the task asked, as a hash."),
        Column("model", pa.string(), "The model that was asked."),
        Column("model_versions", pa.string(), "The versions that answered, with commas."),
        Column("source", pa.string(), "Where the rows came from."),
        Column("profile", pa.string(), "How its columns were read."),
        Column("selection", pa.string(), "Which rows of it, as JSON."),
        Column("settings", pa.string(), "What else could change an answer, as JSON."),
        Column("started_at", _MOMENT, "When the run began."),
        Column("state", pa.string(), "How it ended, or that it goes on."),
        Column("total", pa.int64(), "Observations in the run."),
        Column("answered", pa.int64(), "Those with an answer."),
        Column("failed", pa.int64(), "Those that failed."),
        Column("pending", pa.int64(), "Those not asked yet."),
        Column("usd", pa.float64(), "What the calls cost; null where a price is unknown."),
        Column("attribution", pa.string(), "Whose pictures they are."),
        Column("vistoria", pa.string(), "The version of Vistoria that published."),
    ),
}  # fmt: skip
"""Table → its columns. Every table has a row's key in `run` and `row_key`."""


def schema_of(table: str) -> pa.Schema:
    """The Arrow schema of a table, with the meaning of each column as its `description`."""
    return pa.schema(
        [
            pa.field(column.name, column.type, metadata={"description": column.text})
            for column in TABLES[table]
        ]
    )
