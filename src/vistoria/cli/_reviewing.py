"""What the commands around review share: folders for reviewers, where samples stand, plans."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import click

from vistoria.attribution import attribution_of
from vistoria.cli._talk import put_facts, put_json, put_table
from vistoria.images import Images
from vistoria.ledger import Ledger, Run, Sample, Sheet
from vistoria.project import Project
from vistoria.records import ImageForm, ImageRef, Picture
from vistoria.review import (
    Bounds,
    Domain,
    page,
    sheet_rows,
    tally,
    verdicts,
    write_sheet,
)
from vistoria.truth import reviews_for_certificate, reviews_for_margin, reviews_without_error

_SIDE = 720  # pixels of a photo's longer side on a page
_EXPECTED = 97.0  # percent right, where nobody has reviewed anything yet


def domain_of(given: Mapping[str, Any]) -> Domain:
    """From --snapshot, --between, --changed, --asset-type and --region; raises UserError."""
    between = given.get("between")
    pair = tuple(part.strip() for part in between.split(",")) if between else None
    if pair is not None and len(pair) != 2:
        raise click.BadParameter(f"{between!r} is not of the form BEFORE,AFTER")
    return Domain(
        snapshot=given.get("snapshot"), asset_type=given.get("asset_type"),
        between=(pair[0], pair[1]) if pair else None, changed=given.get("changed"),
        bounds=Bounds.parse(given["region"]) if given.get("region") else None,
    )  # fmt: skip


def design_words(sample: Sample) -> str:
    """E.g. `stratified random sample of 812 observations by asset, seed 0`."""
    kind = {
        "simple": "simple random sample", "stratified": "stratified random sample",
        "chosen": "units chosen by hand",
    }[sample.method]  # fmt: skip
    by = f" by {sample.by_field}" if sample.by_field else ""
    suspicious = ", the most suspicious first" if sample.suspicious_from is not None else ""
    domain = Domain.of(sample.domain)
    where = f" ({domain})" if sample.domain else ""
    return (
        f"{kind} of {sample.population:,} {sample.unit}s{by}{suspicious}, seed {sample.seed}{where}"
    )


def write_folder(
    ledger: Ledger,
    project: Project,
    sheet: Sheet,
    folder: Path,
    *,
    batch: int = 1,
    embed: bool = True,
    attribution: str | None = None,
) -> dict[str, Any]:
    """Writes sheet.csv and page.html; returns what `--json` says."""
    sample = ledger.reviews.sample(sheet.sample_id)
    rows = sheet_rows(ledger, sample, sheet, batch)
    folder.mkdir(parents=True, exist_ok=True)
    write_sheet(folder / "sheet.csv", sample, sheet, rows)
    images = Images(project.images.store)
    settings = replace(project.images.settings, max_side=_SIDE)
    form = ImageForm(kind="encoded", mime_types=frozenset({"image/jpeg"}))

    def show(image: ImageRef) -> Picture:
        return images.load(image, form, settings=settings)

    run = ledger.run(sample.run_id)
    whose = attribution or attribution_of(run.profile, run.source)
    text = page(sample, sheet, rows, show if embed else None, whose)
    (folder / "page.html").write_text(text, encoding="utf-8")
    return {
        "sample": sample.sample_id, "sheet": sheet.token, "rows": len(rows),
        "run": sample.run_id, "unit": sample.unit, "purpose": sample.purpose,
        "method": sample.method, "by_field": sample.by_field, "seed": sample.seed,
        "population": sample.population, "strata": dict(sample.strata),
        "domain": dict(sample.domain), "fields": [one["name"] for one in sample.fields],
        "design": design_words(sample), "labels_shown": sheet.labels_shown,
        "files": [str(folder / "sheet.csv"), str(folder / "page.html")],
    }  # fmt: skip


def put_samples(ledger: Ledger, *, as_json: bool) -> None:
    """Where each sample stands."""
    rows = []
    for sample in ledger.reviews.samples():
        found = verdicts(ledger, sample)
        states = Counter(one.state for one in found)
        units = ledger.reviews.units(sample)
        reviewers = sorted({who for one in found for who, _ in one.said})
        rows.append(
            {
                "sample": sample.sample_id, "run": sample.run_id, "purpose": sample.purpose,
                "unit": sample.unit, "units": len(units), "method": sample.method,
                "fields": [one["name"] for one in sample.fields],
                "answers": states.total(), "settled": states["settled"], "open": states["open"],
                "conflicts": states["conflict"], "reviewers": reviewers,
                "simulated": any(one.simulated for one in found),
                "uses": list(ledger.reviews.uses(sample)), "drawn_at": sample.drawn_at,
                "design": design_words(sample),
            }
        )  # fmt: skip
    if as_json:
        put_json(rows)
        return
    columns = (
        "sample", "run", "purpose", "unit", "units", "method", "answers", "settled", "open",
        "conflicts",
    )  # fmt: skip
    names = [*columns, "reviewers"]
    put_table(names, [[*(row[c] for c in columns), _readers(row)] for row in rows])


def _readers(row: Mapping[str, Any]) -> str:
    marked = " (simulated)" if row["simulated"] else ""
    return ", ".join(row["reviewers"]) + marked


def needed(ledger: Ledger, run: Run, given: Mapping[str, Any]) -> dict[str, Any]:
    """How many reviews are needed: for a margin, and for a certificate."""
    margin, target = given["margin"] / 100, (given["at_least"] or 95.0) / 100
    expected, source = _expected(ledger, run, given)
    for_margin = reviews_for_margin(margin, expected=expected)
    worst = reviews_for_margin(margin, expected=0.5)
    certain = reviews_for_certificate(target, expected=expected) if expected > target else None
    return {
        "run": run.run_id, "expected": expected, "expected_from": source,
        "margin": margin, "for_margin": for_margin.reviews, "for_margin_at_worst": worst.reviews,
        "at_least": target, "for_certificate": certain and certain.reviews,
        "wrong_allowed": certain and certain.wrong_allowed,
        "without_any_error": reviews_without_error(target), "confidence": 0.95,
    }  # fmt: skip


def _expected(ledger: Ledger, run: Run, given: Mapping[str, Any]) -> tuple[float, str]:
    """The share that is right: as stated, or as reviews for development and calibration say; those
    for certification are not peeked at."""
    if given["expected"]:
        return given["expected"] / 100, "as stated"
    right = reviewed = 0
    names = [name for name in (given["fields"] or "").split(",") if name]
    for sample in ledger.reviews.samples():
        if sample.run_id != run.run_id or sample.purpose == "certification":
            continue
        for field in (one["name"] for one in sample.fields):
            if not names or field in names:
                settled = tally(ledger, sample, field).settled
                reviewed += len(settled)
                right += sum(all(one.right for one in parts) for parts in settled)
    if reviewed < 20:
        return _EXPECTED / 100, "a guess, for nobody has reviewed 20 yet"
    return min(0.999, right / reviewed), f"{right:,} of {reviewed:,} reviewed earlier"


def put_plan(plan: Mapping[str, Any], *, as_json: bool) -> None:
    """The answer to "how many reviews?"."""
    if as_json:
        put_json(plan)
        return
    points, target = f"{100 * plan['margin']:g}", f"{100 * plan['at_least']:g} %"
    margin = f"{plan['for_margin']:,} reviews; {plan['for_margin_at_worst']:,} if half are right"
    facts = [
        ("expected right", f"{100 * plan['expected']:.1f} % ({plan['expected_from']})"),
        (f"±{points} points", margin),
    ]
    if plan["for_certificate"] is None:
        needs = "cannot be certified where no more is right than that"
    else:
        needs = (
            f"{plan['for_certificate']:,} reviews, of which {plan['wrong_allowed']:,} may be wrong "
            "(8 of 10 such samples succeed)"
        )
    facts.append((f"at least {target}", needs))
    facts.append(("", ""))
    facts.append(("without error", f"{plan['without_any_error']:,} reviews, all right, would do"))
    facts.append(("confidence", "95 %; of one field, from a simple random sample"))
    put_facts(facts)
