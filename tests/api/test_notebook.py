"""A real notebook: an event loop runs already, progress is drawn below the cell, ■ stops it."""

import time
from pathlib import Path
from typing import Any

import nbformat
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from jupyter_client.manager import KernelManager, start_new_kernel
from nbclient import NotebookClient

RUN = """\
import asyncio, vistoria
photos = "photos.parquet"
result = vistoria.run(photos, task="describe", model="echo:", concurrency=4, latency={latency})
result
"""


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with a table of 200 addresses."""
    names = [f"p{i}" for i in range(200)]
    rows = pa.table({"id": names, "uri": [f"gs://bucket/{name}.jpg" for name in names]})
    pq.write_table(rows, tmp_path / "photos.parquet")
    monkeypatch.chdir(tmp_path)
    return tmp_path


# zmq and ipykernel warn about their own ways (no encryption, event loop policies).
pytestmark = pytest.mark.filterwarnings("ignore")


def test_a_notebook_runs_with_progress(folder: Path) -> None:
    sources = [RUN.format(latency=0.05), "len(result.to_pandas())", "await asyncio.sleep(0)"]
    new, cell = nbformat.v4.new_notebook, nbformat.v4.new_code_cell
    cells = [cell(source) for source in sources]  # type: ignore[no-untyped-call]
    notebook = new(cells=cells)  # type: ignore[no-untyped-call]
    NotebookClient(notebook, timeout=120, kernel_name="python3").execute(cwd=str(folder))
    outputs = [[_plain(output) for output in cell.outputs] for cell in notebook.cells]
    (bar, shown), (count,), nothing = outputs
    assert bar["text/html"].startswith('<progress max="200" value="200"></progress>')
    assert bar["text/plain"].startswith("200 of 200 (100 %)")
    assert "run 1: describe by echo: finished" in shown["text/html"]
    assert count["text/plain"] == "200"
    assert nothing == []


def _plain(output: Any) -> dict[str, str]:
    assert output.output_type in ("display_data", "execute_result"), output
    return dict(output.data)


def test_interrupting_a_cell_ends_the_run_in_order(folder: Path) -> None:
    manager, client = start_new_kernel(cwd=str(folder))
    assert isinstance(manager, KernelManager)
    try:
        started = time.monotonic()
        client.execute(RUN.format(latency=0.5))
        updates, state = 0, ""
        while not state:
            message = client.get_iopub_msg(timeout=60)
            kind, content = message["msg_type"], message["content"]
            if kind == "update_display_data" and "left" in content["data"]["text/plain"]:
                updates += 1
                if updates == 2:  # it is at work, and the bar moves
                    manager.interrupt_kernel()
            if kind == "execute_result":
                state = content["data"]["text/plain"]
            assert kind != "error", content
        assert "run 1: describe by echo: interrupted" in state
        assert "the same command goes on" in state
        assert time.monotonic() - started < 60
    finally:
        client.stop_channels()
        manager.shutdown_kernel(now=True)
