"""Objects that events told of become part of a run, whatever the order of events."""

import tempfile
from pathlib import Path

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from vistoria.engine import Ask, plan_to_come
from vistoria.ledger import Ledger
from vistoria.models.echo import open_model
from vistoria.sources import Selection, SourceOptions
from vistoria.sources.bucket import Object, open_source
from vistoria.task import load_task


@settings(max_examples=25)
@given(
    told=st.lists(st.tuples(st.integers(0, 5), st.integers(1, 3)), min_size=1, max_size=20),
    other=st.sets(st.integers(0, 5)),
)
def test_the_newest_generation_of_each_object_is_in_the_run(
    told: list[tuple[int, int]], other: set[int]
) -> None:
    source = open_source("gs://bucket", SourceOptions())
    model = open_model("", {})
    with tempfile.TemporaryDirectory() as folder, Ledger(Path(folder) / "ledger") as ledger:
        ask = Ask(load_task("street_asset"), model, model.settings)
        run = plan_to_come(ledger, source, Selection(), ask).run
        newest: dict[str, int] = {}
        for name, generation in told:
            if name in other:  # ordinals that belong to another run leave gaps
                ledger.ordinals(source.rows([Object(f"other-{name}", generation)]), None)
            uri = f"gs://bucket/{name}"
            if generation < (ledger.arrivals.newest(run.run_id, uri) or 0):
                ledger.arrivals.outdated(run.run_id, [(uri, generation)])
                continue
            (ordinal,) = ledger.ordinals(source.rows([Object(str(name), generation)]), None)
            ledger.arrivals.admit(run.run_id, [(uri, generation, int(ordinal))])
            newest[uri] = generation
        found = ledger.scope(run).ordinals
        seen = ledger.observations(found.tolist())
        assert {one.image.uri: int(one.image.version or 0) for one in seen} == newest
        assert len(found) == len(newest) == len(np.unique(found))
