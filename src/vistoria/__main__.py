"""`python -m vistoria`."""

from vistoria.cli import main

main(prog_name="vistoria")
