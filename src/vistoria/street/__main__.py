"""`python -m vistoria.street`: contact sheets, load data and the made-up town."""

from pathlib import Path

import click

from vistoria.street.load import write_load
from vistoria.street.render import render, sample
from vistoria.street.sheet import caption, contact_sheet
from vistoria.street.town import build_town
from vistoria.street.truth import ASSETS


@click.group()
def main() -> None:
    """Procedural street photos with known truth."""


@main.command()
@click.argument("folder", type=click.Path(path_type=Path))
@click.option("--seed", default=0, show_default=True, help="The first seed of each sheet.")
def sheet(folder: Path, seed: int) -> None:
    """Write a contact sheet of 16 photos for each class."""
    folder.mkdir(parents=True, exist_ok=True)
    for asset in ASSETS:
        shots = [render(sample(seed + at, asset=asset)) for at in range(16)]
        path = folder / f"street-{asset}.png"
        contact_sheet([(picture, caption(truth)) for picture, truth in shots]).save(path)
        click.echo(path)


@main.command()
@click.argument("folder", type=click.Path(path_type=Path))
@click.option("--count", required=True, type=click.IntRange(min=1))
@click.option("--seed", default=0, show_default=True)
@click.option("--corrupt", default=0.0, help="Share with flipped bits.")
@click.option("--truncated", default=0.0, help="Share cut short.")
@click.option("--huge", default=0.0, help="Share that claims 30,000 x 30,000 pixels.")
@click.option("--wrong-type", default=0.0, help="Share that is no JPEG.")
@click.option("--missing", default=0.0, help="Share listed but absent.")
@click.option("--workers", default=2, show_default=True)
def load(folder: Path, count: int, seed: int, workers: int, **shares: float) -> None:
    """Write COUNT files, some of them unreadable, with a listing."""
    try:
        done = write_load(
            folder, count=count, seed=seed, workers=workers,
            corrupt=shares["corrupt"], truncated=shares["truncated"], huge=shares["huge"],
            wrong_type=shares["wrong_type"], missing=shares["missing"],
        )  # fmt: skip
    except ValueError as error:
        raise click.UsageError(str(error)) from error
    for kind, number in done.counts.items():
        click.echo(f"{kind}\t{number}")
    click.echo(done.listing)


@main.command()
@click.argument("folder", type=click.Path(path_type=Path))
@click.option("--seed", default=7, show_default=True)
@click.option("--assets", default=200, show_default=True, type=click.IntRange(min=1))
@click.option("--workers", default=2, show_default=True)
def town(folder: Path, seed: int, assets: int, workers: int) -> None:
    """Build the made-up town with its tables and truth."""
    built = build_town(folder, seed=seed, assets=assets, workers=workers)
    click.echo(f"{built.assets} assets, {built.observations} observations, "
               f"{len(built.changes)} really changed")  # fmt: skip
    click.echo(built.database)


if __name__ == "__main__":
    main()
