"""What to look at, and what people said: samples, sheets, decisions, conflicts; no screen."""

from vistoria.review._decisions import Reading, check_sheet, record, undo
from vistoria.review._design import Choice
from vistoria.review._domain import Bounds, Domain
from vistoria.review._drawing import Dialect, counting_sql, drawing_sql, frame_sql, purpose_of
from vistoria.review._estimates import (
    Estimate,
    change_estimate,
    class_estimates,
    fit_curves,
    reader_agreement,
)
from vistoria.review._frame import Frame, open_frame
from vistoria.review._page import page
from vistoria.review._sampling import (
    Key,
    Wish,
    choose_sample,
    draw_sample,
    extend_sample,
    reopen,
    sample_fields,
)
from vistoria.review._sheet import SheetRow, guide, read_sheet, sheet_rows, write_sheet
from vistoria.review._simulated import simulate
from vistoria.review._tally import Tally, tally
from vistoria.review._verdicts import UNCLEAR, Verdict, verdicts

__all__ = [
    "UNCLEAR",
    "Bounds",
    "Choice",
    "Dialect",
    "Domain",
    "Estimate",
    "Frame",
    "Key",
    "Reading",
    "SheetRow",
    "Tally",
    "Verdict",
    "Wish",
    "change_estimate",
    "check_sheet",
    "choose_sample",
    "class_estimates",
    "counting_sql",
    "draw_sample",
    "drawing_sql",
    "extend_sample",
    "fit_curves",
    "frame_sql",
    "guide",
    "open_frame",
    "page",
    "purpose_of",
    "read_sheet",
    "reader_agreement",
    "record",
    "reopen",
    "sample_fields",
    "sheet_rows",
    "simulate",
    "tally",
    "undo",
    "verdicts",
    "write_sheet",
]
