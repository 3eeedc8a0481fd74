"""The bundled street model: `python -m training.street train` makes it, `evaluate` measures it."""
