"""A sheet as a page to look at and fill in with a browser: one file, no network of its own."""

import base64
import json
from collections.abc import Callable, Sequence
from html import escape
from importlib.resources import files
from string import Template
from typing import TypeAlias

from vistoria.errors import ObservationError
from vistoria.labels import named
from vistoria.ledger import Sample, Sheet
from vistoria.records import ImageRef, Observation, Picture
from vistoria.review._sampling import sample_fields
from vistoria.review._sheet import SheetRow, guide
from vistoria.task import Field

Show: TypeAlias = Callable[[ImageRef], Picture]
"""Makes an image small enough for a page; raises ObservationError."""

_UNCLEAR = ("?", "cannot tell")


def page(
    sample: Sample,
    sheet: Sheet,
    rows: Sequence[SheetRow],
    show: Show | None,
    attribution: str = "",
) -> str:
    """The page of a sheet, as HTML. `show` embeds the images; without it their addresses are links.
    `attribution`: whose pictures they are.

    Answers are kept by the browser as they are given, and saved as JSON lines for `vistoria
    decide`.
    """
    fields = sample_fields(sample)
    names = {field.name for field in fields}
    conditions = [
        {
            "name": field.name,
            "only_if": {
                name: [named(value) for value in values]
                for name, values in field.only_if.items()
                if name in names
            },
        }
        for field in fields
    ]
    what = "machine's labels shown" if sheet.labels_shown else "the machine's labels are not shown"
    template = Template((files("vistoria.review") / "page.html").read_text(encoding="utf-8"))
    return template.substitute(
        title=f"Review: sample {sample.sample_id}, {len(rows):,} to look at",
        subtitle=escape(f"sheet {sheet.token}; {what}. Save, then: vistoria decide FILE"),
        guide="".join(f"<li>{escape(line)}</li>" for line in guide(fields)),
        attribution=escape(attribution),
        items="\n".join(_item(row, fields, show) for row in rows),
        sheet=_script(sheet.token),
        fields=_script(conditions),
    )


def _item(row: SheetRow, fields: Sequence[Field], show: Show | None) -> str:
    photos = "".join(_photo(photo, show) for photo in row.photos)
    questions = "".join(_question(field, row) for field in fields)
    part = f" {row.part}" if row.part else ""
    return (
        f'<article data-item="{row.item}" data-part="{row.part}"><div>{photos}</div>'
        f"<form><h2>{row.item}{part}</h2>{questions}"
        '<label>note <input name="note"></label></form></article>'
    )


def _photo(photo: Observation, show: Show | None) -> str:
    name = escape(photo.observation_id)
    if (address := _address(photo.image.uri)) is not None:
        name = f'<a href="{escape(address, quote=True)}">{name}</a>'
    taken = f" {photo.captured_at:%Y-%m-%d}" if photo.captured_at else ""
    at_map = ""
    if photo.map_url and photo.map_url.startswith("https://"):
        at_map = f' · <a href="{escape(photo.map_url, quote=True)}">map</a>'
    caption = f"<small>{name}{taken}{at_map}</small>"
    if show is None:
        return f"<p>{caption}</p>"
    try:
        picture = show(photo.image)
    except ObservationError as error:
        return f"<p>{caption}<br>cannot be shown: {escape(str(error))}</p>"
    if picture.data is None:
        return f"<p>{caption}</p>"
    data = base64.b64encode(picture.data).decode()
    kind = escape(picture.mime_type or "image/jpeg", quote=True)
    return f'<img alt="" src="data:{kind};base64,{data}">{caption}'


def _address(uri: str) -> str | None:
    """Where a browser finds the image; a `gs:` object for who is signed in to Google. Other
    schemes are not made links: one of them is `javascript:`."""
    if uri.startswith("gs://"):
        return "https://storage.cloud.google.com/" + uri.removeprefix("gs://")
    if uri.startswith("/"):
        return "file://" + uri
    return uri if uri.startswith(("https://", "http://", "file:///")) else None


def _question(field: Field, row: SheetRow) -> str:
    hints = []
    if field.name in row.labels:
        hints.append(f"machine: {row.labels[field.name]}")
    if field.name in row.said:
        hints.append(row.said[field.name])
    hint = "".join(f" <small>{escape(text)}</small>" for text in hints)
    return f"<label>{escape(field.name)}{hint} {_input(field)}</label>"


def _input(field: Field) -> str:
    match field.kind:
        case "boolean":
            answers = ["yes", "no"]
        case "choice":
            answers = list(field.choices)
        case _:
            return f'<input name="{field.name}" placeholder="{escape(field.allowed, quote=True)}">'
    options = [("", ""), *((word, word) for word in answers), _UNCLEAR]
    if field.optional:
        options.append(("-", "does not apply"))
    listed = "".join(
        f'<option value="{escape(value, quote=True)}">{escape(word)}</option>'
        for value, word in options
    )
    return f'<select name="{field.name}">{listed}</select>'


def _script(value: object) -> str:
    """JSON that cannot end the script that it stands in."""
    return json.dumps(value, ensure_ascii=False).replace("<", "\\u003c")
