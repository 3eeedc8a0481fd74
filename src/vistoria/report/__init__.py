"""One self-contained page about a run: what it found, how sure that is, what it cost."""

from vistoria.report.document import Report
from vistoria.report.page import render
from vistoria.report.printing import find_browser, print_pdf
from vistoria.report.reading import Contents, read_report

__all__ = ["Contents", "Report", "find_browser", "print_pdf", "read_report", "render"]
