"""One suite per seam, run over everything that the registry finds."""
