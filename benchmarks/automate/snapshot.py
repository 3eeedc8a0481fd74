"""5. A new snapshot: 10,000 observations, 3 % new, 1 % changed pictures, 2 % gone; 400 are asked.

`python -m benchmarks.automate --only snapshot`. `vistoria watch` over a table whose pictures move
with each snapshot; the service counts what it was asked.
"""

import json
from collections.abc import Iterator
from pathlib import Path

from benchmarks.bars import VISTORIA, Bar, exactly, run
from tests.cli.snapshots import Imagery, Share
from tests.servers.openai import KEY, MODEL, OpenAIServer


def snapshot(folder: Path, quick: bool) -> Iterator[Bar]:
    """Every bar."""
    count = 1_000 if quick else 10_000
    share = Share(new=count * 3 // 100, changed=count // 100, gone=count * 2 // 100)
    imagery = Imagery(folder)
    with OpenAIServer() as service:
        env = {
            "OPENAI_API_KEY": KEY, "VISTORIA_MODEL_NAME": f"openai:{MODEL}",
            "VISTORIA_MODEL_BASE_URL": f"{service.url}/v1",
            "VISTORIA_TASK_NAME": "street_asset", "VISTORIA_TASK_FIELDS": "asset",
        }  # fmt: skip
        command = [VISTORIA, "watch", imagery.table, "--once", "--yes", "--json"]
        imagery.first(count)
        run(command, folder, env)
        yield exactly("first snapshot, asked", len(service.sent), count)
        imagery.next(count, share)
        done = run(command, folder, env)
        asked = len(service.sent) - count
        yield exactly("next snapshot, asked", asked, share.new + share.changed)
        news = json.loads(done.out)["news"]
        said = (news["new"], news["gone"], news["unchanged"], news["snapshots"])
        kept = count - share.gone - share.changed
        yield exactly(
            "new, gone, unchanged, snapshots", said, (share.new, share.gone, kept, ["s2"])
        )
        run(command, folder, env)
        yield exactly("the same snapshot again, asked", len(service.sent) - count - asked, 0)
