"""Procedural street-level photos with known truth: the demo's data, tests and load.

Import from the files (`vistoria.street.render`, `vistoria.street.town`, ...): this one stays light,
because drawing needs OpenCV, which comes with `pip install "vistoria[demo]"`.
"""
