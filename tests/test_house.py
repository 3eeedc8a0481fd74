"""The house rules that no linter knows: sizes, names, light imports, seams of one file."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
CODE = sorted(
    path
    for folder in ("src", "training", "benchmarks")
    for path in (ROOT / folder).rglob("*.py")
    if not any(part.startswith(".") for part in path.relative_to(ROOT).parts)
)
BANNED = ("manager", "handler", "helper", "utils", "core", "processor", "pipeline")


@pytest.mark.parametrize("path", CODE, ids=lambda p: str(p.relative_to(ROOT)))
def test_a_file_is_read_in_one_sitting(path: Path) -> None:
    text = path.read_text()
    assert text.count("\n") <= 400, "more than 400 lines"
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            assert node.end_lineno is not None
            length = node.end_lineno - node.lineno + 1
            assert length <= 40, f"{node.name} has {length} lines"
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            words = node.name.lower().strip("_").split("_")
            assert not set(words) & set(BANNED), f"{node.name}: a name that says nothing"
    assert not set(path.stem.split("_")) & set(BANNED)


def test_public_things_have_docstrings() -> None:
    silent = []
    for path in (p for p in CODE if "src" in p.parts):
        for node in ast.parse(path.read_text()).body:
            if not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
                continue
            if node.name[0] != "_" and not ast.get_docstring(node):
                silent.append(f"{path.relative_to(ROOT)}: {node.name}")
    assert not silent


def test_records_and_errors_import_nothing_heavy() -> None:
    script = (
        "import sys, vistoria.records, vistoria.errors, vistoria.registry;"
        "print(*{'numpy', 'pyarrow', 'duckdb', 'PIL', 'onnxruntime', 'aiohttp', 'cv2', 'torch',"
        "'pydantic', 'rich'} & set(sys.modules))"
    )
    found = subprocess.run([sys.executable, "-c", script], capture_output=True, check=True)
    assert found.stdout.split() == []


def test_nothing_private_is_committed() -> None:
    listed = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, check=True)
    names = listed.stdout.decode().split("\n")
    locks = [n for n in names if n.endswith(("uv.lock", "poetry.lock", "Pipfile.lock"))]
    assert not locks, "a lock file that names download hosts"
