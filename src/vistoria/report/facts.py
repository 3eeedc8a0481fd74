"""What was run: the facts of a run, and what its snapshots are called."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field

from vistoria.ledger import Ledger, Run
from vistoria.report.document import RunFacts
from vistoria.result import cost_document

_SHOWN_ID = 8  # characters of a long snapshot id


@dataclass(slots=True)
class _Seen:
    """What a pass over a run's rows finds. `months`: snapshot → its first and last photo."""

    assets: set[str] = field(default_factory=set)
    snapshots: Counter[str] = field(default_factory=Counter)
    months: dict[str, tuple[str, str]] = field(default_factory=dict)

    def add(self, asset: str | None, snapshot: str | None, captured_at: str | None) -> None:
        """One row."""
        if asset is not None:
            self.assets.add(asset)
        if snapshot is not None:
            self.snapshots[snapshot] += 1
        if captured_at is not None:
            first, last = self.months.get(snapshot or "", (captured_at, captured_at))
            self.months[snapshot or ""] = (min(first, captured_at), max(last, captured_at))


def run_facts(ledger: Ledger, run: Run) -> RunFacts:
    """The facts of a run as the ledger has them now; snapshots in the order of their photos."""
    summary, seen = ledger.summary(run), _Seen()
    for batch in ledger.batches(run):
        columns = (batch[name].to_pylist() for name in ("asset_id", "snapshot_id", "captured_at"))
        for row in zip(*columns, strict=True):
            seen.add(*row)
    order = sorted(seen.snapshots, key=lambda one: (seen.months.get(one, ("", "")), one))
    months = seen.months.values()
    return RunFacts(
        run=run.run_id, task=run.task, task_fingerprint=run.task_fingerprint, model=run.model,
        model_versions=tuple(summary.model_versions), source=run.source, profile=run.profile,
        selection=run.selection, settings=run.settings, started_at=run.started_at,
        state=ledger.state(run), total=summary.total, answered=summary.answered,
        pending=summary.pending, failed=summary.failed, assets=len(seen.assets),
        snapshots={one: seen.snapshots[one] for one in order},
        snapshot_names={one: snapshot_name(one, seen.months) for one in order},
        first_photo=min((first for first, _ in months), default=None),
        last_photo=max((last for _, last in months), default=None),
        input_tokens=summary.input_tokens, output_tokens=summary.output_tokens,
        cost=cost_document(ledger.costs(run)),
    )  # fmt: skip


def snapshot_name(snapshot: str, months: Mapping[str, tuple[str, str]]) -> str:
    """E.g. `2024-06–2025-08 (1a2b3c4d)`; short ids stay whole."""
    short = snapshot if len(snapshot) <= 2 * _SHOWN_ID else snapshot[:_SHOWN_ID]
    if snapshot not in months:
        return short
    first, last = (moment[:7] for moment in months[snapshot])
    return f"{first} ({short})" if first == last else f"{first}–{last} ({short})"
