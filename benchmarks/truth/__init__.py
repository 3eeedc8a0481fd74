"""Simulations of every method of `vistoria.truth`, in worlds whose truth is known."""
