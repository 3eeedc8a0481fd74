"""Trains the models that ship with Vistoria; not part of the wheel."""
