"""Every publisher that the registry finds keeps the contract of the seam."""

from importlib import import_module
from pathlib import Path

import pytest
from click.testing import CliRunner

import vistoria.publishers
from tests.contracts.publishers import PublisherContract, town
from tests.labelled import add_run
from vistoria import registry
from vistoria.cli import main
from vistoria.errors import ConfigError, UnknownName
from vistoria.ledger import Ledger
from vistoria.publishers._opening import publisher_name

FOLDER = Path(__file__).parent.parent / "publishers"


@pytest.mark.parametrize("name", registry.names("publishers"))
def test_each_publisher_inherits_the_contract(name: str) -> None:
    assert (FOLDER / f"test_{name}.py").exists(), (
        f"tests/publishers/test_{name}.py is missing; let it hold a class TestContract("
        f"PublisherContract) with name = {name!r}, from tests.contracts.publishers"
    )
    module = import_module(f"tests.publishers.test_{name}")
    classes = [value for value in vars(module).values() if isinstance(value, type)]
    kept = [c for c in classes if issubclass(c, PublisherContract) and c is not PublisherContract]
    assert any(c.name == name for c in kept), f"no PublisherContract of {name!r} in {module}"


def test_no_two_publishers_mean_the_same_address() -> None:
    modules = [registry.load("publishers", name) for name in registry.names("publishers")]
    for forms in ([m.SCHEMES for m in modules], [m.SUFFIXES for m in modules]):
        flat = [form for each in forms for form in each]
        assert len(flat) == len(set(flat))


def test_an_address_that_means_none() -> None:
    with pytest.raises(ConfigError, match="--to"):
        publisher_name("results.xlsx")


def test_a_publisher_by_a_wrong_name_is_suggested() -> None:
    with pytest.raises(UnknownName, match="did you mean 'parquet'"):
        registry.load("publishers", "parket")


ONE_FILE = '''
"""Lines: the ids of what was answered."""

from pathlib import Path

from vistoria.publishers import Receipt

SCHEMES = ("lines",)
SUFFIXES = (".lines",)
EXTRA = None


def open_publisher(address, options):
    return Lines(address)


class Lines:
    def __init__(self, address):
        self.address = address

    def publish(self, edition, advance):
        ids = [row["observation_id"] for _, row in edition.photos()]
        Path(self.address).write_text("\\n".join(ids))
        return Receipt(address=self.address, version=edition.version, rows={"ids": len(ids)})
'''


def test_a_publisher_of_one_file_does_the_whole_job(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "lines.py").write_text(ONE_FILE)
    monkeypatch.setattr(
        vistoria.publishers, "__path__", [*vistoria.publishers.__path__, str(tmp_path)]
    )
    with Ledger(tmp_path / "ledger.sqlite") as ledger:
        add_run(ledger, town())
    target = tmp_path / "ids.lines"
    result = CliRunner().invoke(
        main, ["publish", str(target), "--ledger", str(tmp_path / "ledger.sqlite")]
    )
    assert result.exit_code == 0, result.output
    assert "ids 12" in result.stderr
    assert target.read_text().split()[0] == "p000"
    assert "lines" in registry.names("publishers")
