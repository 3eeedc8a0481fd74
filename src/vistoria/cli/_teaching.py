"""The demo's last step: a report on the made-up town, where the truth is known.

A simulated reviewer, always marked as one, answers a random sample from the truth, so that the page
can show both: what corrected counts say, and what is so.
"""

from contextlib import suppress
from pathlib import Path

import pyarrow.parquet as pq

from vistoria.certificate import Claim, issue
from vistoria.cli.report import thumbnails, write_report
from vistoria.errors import CertificateRefused, UserError
from vistoria.images import Images
from vistoria.ledger import Ledger, Run, Unit
from vistoria.report import Contents, Report, read_report
from vistoria.report.facts import run_facts
from vistoria.report.population import Truth
from vistoria.review import Domain, Wish, draw_sample, open_frame, purpose_of, record, simulate
from vistoria.task import Task

_REVIEWS = 110  # at most; of 200 assets about as many are set apart for certificates
_FEWEST = 5
_CERTIFIED = ("asset", "leaning")
_TITLE = "Vila Serena, a made-up town"


def teach(folder: Path, ledger_file: Path, run: Run, task: Task, page: Path) -> Report:
    """Has a sample of the town's assets reviewed, and one of assets in both snapshots, unless that
    was done before; writes the report and returns it. Raises MissingExtra without the extra."""
    rows = pq.read_table(folder / "truth.parquet").to_pylist()
    truth = {row["observation_id"]: row for row in rows}
    wanted = Contents(
        title=_TITLE, thumbnail=thumbnails(Images()), attribution="Drawn by Vistoria; no real place"
    )
    with Ledger(ledger_file, create=False) as ledger:
        before, after = run_facts(ledger, run).snapshots
        known = {sample.unit for sample in ledger.reviews.samples() if sample.run_id == run.run_id}
        if "asset" not in known:
            _review(ledger, run, task, truth, "asset", Domain(snapshot=after))
        if "pair" not in known:
            _review(ledger, run, task, truth, "pair", Domain(between=(before, after)))
        report = read_report(ledger, run, wanted, truth=truth)
    write_report(report, page)
    return report


def _review(ledger: Ledger, run: Run, task: Task, truth: Truth, unit: Unit, domain: Domain) -> None:
    """Draws and answers a sample, where there is enough to draw from."""
    try:
        frame = open_frame(ledger, run, unit, domain)
    except UserError:  # nothing was answered there
        return
    free = sum(purpose_of(text) == "certification" for text in frame.table["split"].to_pylist())
    if free < _FEWEST:
        return
    wish = Wish(size=min(free, _REVIEWS), unit=unit, domain=domain)
    sample = draw_sample(ledger, run, task, wish)
    record(ledger, simulate(ledger, sample, truth, error_rate=0.0))
    for field in _CERTIFIED if unit == "asset" else ():
        with suppress(CertificateRefused):  # a very small town
            issue(ledger, sample, Claim(field=field, simulated=True))
