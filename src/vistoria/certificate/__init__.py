"""Sentences about labels that a contract can hold, and the reasons not to write one."""

from vistoria.certificate._changes import ListedChanges, change_sample, list_changes
from vistoria.certificate._claim import Claim, Measure
from vistoria.certificate._issue import Issued, issue
from vistoria.certificate._refusal import REASONS

__all__ = [
    "REASONS",
    "Claim",
    "Issued",
    "ListedChanges",
    "Measure",
    "change_sample",
    "issue",
    "list_changes",
]
