"""The doctor's checks: one public module each, found by listing this folder. A module defines

    def after(visit: Visit) -> tuple[str, ...]     # findings that must not have failed before
    def needless(visit: Visit) -> str | None       # why the project does not need it, if so
    def look(visit: Visit) -> Iterator[Finding]    # may raise VistoriaError: then it failed

The module's name is the check's; findings of other names begin with it ("apis bigquery").
"""
