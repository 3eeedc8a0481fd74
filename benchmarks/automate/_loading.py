"""Files that were published, as the programs that they are for load them.

`PYTHON -P benchmarks/automate/_loading.py PROGRAM FOLDER`, run by a Python that has the program and
nothing of ours; prints what was loaded as JSON.
"""

import json
import os
import re
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from importlib import import_module
from pathlib import Path
from typing import Any

_TOKEN = "0123456789abcdef0123456789abcdef01234567"  # of a server that lives for seconds
_PATIENCE = 300.0  # seconds until Label Studio has made its database


def fiftyone(folder: Path) -> Any:
    """File, label and confidence of each sample, by FiftyOne's own importer.

    The importer needs no MongoDB, which the data set itself would be kept in.
    """
    os.environ.update(FIFTYONE_DISABLE_SERVICES="1", FIFTYONE_DO_NOT_TRACK="true")
    types = import_module("fiftyone.types")
    importers = import_module("fiftyone.utils.data.importers")
    importer, _ = importers.build_dataset_importer(
        types.FiftyOneImageClassificationDataset,
        dataset_dir=str(folder / "material"),
        data_path="data.json",
    )
    with importer:
        found = [[path, label.label, label.confidence] for path, _, label in importer]
        assert all(Path(path).exists() for path, _, _ in found)
        classes = importer.get_dataset_info()["classes"]
        return {"samples": [[Path(p).name, *rest] for p, *rest in found], "classes": classes}


def datasets(folder: Path) -> Any:
    """Rows of each table that the card names."""
    os.environ.update(HF_HUB_OFFLINE="1", HF_HOME=str(folder / ".cache"))
    library = import_module("datasets")
    names = library.get_dataset_config_names(str(folder))
    return {name: library.load_dataset(str(folder), name, split="train").num_rows for name in names}


def dbt(folder: Path) -> Any:
    """Tables that dbt knows as sources, once a model that selects from one was parsed."""
    os.environ["DBT_SEND_ANONYMOUS_USAGE_STATS"] = "0"
    (folder / "models").mkdir()
    (folder / "sources.yml").rename(folder / "models" / "sources.yml")
    (folder / "dbt_project.yml").write_text('name: poles\nversion: "1.0"\nprofile: poles\n')
    profile = "poles: {target: dev, outputs: {dev: {type: duckdb, path: ':memory:'}}}\n"
    (folder / "profiles.yml").write_text(profile)
    (folder / "models" / "wood.sql").write_text(
        "SELECT * FROM {{ source('vistoria', 'labels') }}\n"
    )
    command = [str(Path(sys.executable).with_name("dbt")), "ls", "--profiles-dir", "."]
    done = subprocess.run(command, cwd=folder, check=True, capture_output=True, text=True)
    return sorted(re.findall(r"^source:poles\.vistoria\.(\w+)$", done.stdout, re.MULTILINE))


def labelstudio(folder: Path) -> Any:
    """What Label Studio shows, exports and serves after its own import."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    server = _studio(folder, port)
    try:
        return _imported(folder, f"http://127.0.0.1:{port}")
    finally:
        server.terminate()
        server.wait()


def _studio(folder: Path, port: int) -> "subprocess.Popen[bytes]":
    env = {
        **os.environ, "LABEL_STUDIO_BASE_DATA_DIR": str(folder / "studio"),
        "COLLECT_ANALYTICS": "false", "SENTRY_DSN": "", "FRONTEND_SENTRY_DSN": "",
        "LATEST_VERSION_CHECK": "false", "LABEL_STUDIO_LOCAL_FILES_SERVING_ENABLED": "true",
        "LABEL_STUDIO_ENABLE_LEGACY_API_TOKEN": "true",
    }  # fmt: skip
    (folder / "studio").mkdir()
    command = [
        str(Path(sys.executable).with_name("label-studio")), "start", "--no-browser",
        "--internal-host", "127.0.0.1", "--port", str(port), "--username", "a@example.com",
        "--password", "not a secret", "--user-token", _TOKEN,
    ]  # fmt: skip
    return subprocess.Popen(command, env=env, stdout=sys.stderr, stderr=sys.stderr)


def _imported(folder: Path, url: str) -> Any:
    ends = time.monotonic() + _PATIENCE
    while True:
        try:
            _call(url, "/api/version")
            break
        except (urllib.error.URLError, ConnectionError):
            if time.monotonic() > ends:
                raise
            time.sleep(1)
    config = (folder / "config.xml").read_text("utf-8")
    project = _call(url, "/api/projects/", {"title": "poles", "label_config": config})["id"]
    tasks = json.loads((folder / "tasks.json").read_text("utf-8"))
    _call(url, f"/api/projects/{project}/import", tasks)
    photos = {"path": str(folder.parent / "photos"), "project": project, "title": "photos"}
    _call(url, "/api/storages/localfiles", photos | {"use_blob_urls": True})
    shown = _call(url, f"/api/tasks?project={project}&fields=all&page_size=100")["tasks"]
    exported = _call(url, f"/api/projects/{project}/export?download_all_tasks=true")
    return {
        "predictions": [
            [
                {r["from_name"]: r["value"]["choices"] for r in one["result"]}
                for one in task["predictions"]
            ]
            for task in shown
        ],
        "exported": [task["data"]["observation_id"] for task in exported],
        "photo": len(_read(url, shown[0]["data"]["image"])),
    }


def _call(url: str, path: str, body: Any = None) -> Any:
    return json.loads(_read(url, path, body))


def _read(url: str, path: str, body: Any = None) -> bytes:
    headers = {"Authorization": f"Token {_TOKEN}", "Content-Type": "application/json"}
    data = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(url + path, data, headers)
    with urllib.request.urlopen(request, timeout=60) as answer:
        found: bytes = answer.read()
        return found


if __name__ == "__main__":
    programs = {one.__name__: one for one in (fiftyone, datasets, dbt, labelstudio)}
    print(json.dumps(programs[sys.argv[1]](Path(sys.argv[2]))))
