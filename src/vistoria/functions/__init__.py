"""New images by themselves: an HTTP function that labels each object an event tells of.

`label` takes CloudEvents of Cloud Storage (by Eventarc, in binary or structured mode) and pushes of
Pub/Sub (Cloud Storage notifications). Each object's generation becomes one observation of the
project's run: asked as `vistoria run` asks, under the same ledger and ceiling, and never twice.

What it answers: 200 when all is done, so that the event is gone; 503 when only another try, later,
can help. Needs pip install 'vistoria[functions]'; docs/automation.md says how it is set up.
"""

from vistoria.functions._desk import Verdict
from vistoria.functions._entry import label
from vistoria.functions._event import Announced, Ignored, read_event
from vistoria.functions._inbox import Inbox

__all__ = ["Announced", "Ignored", "Inbox", "Verdict", "label", "read_event"]
