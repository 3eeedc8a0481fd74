"""Vistoria."""
