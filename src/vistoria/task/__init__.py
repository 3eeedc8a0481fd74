"""What is asked about each picture: a task is instructions and fields with allowed answers.

task = load_task("utility_pole")          # or a path to your own .toml
task.prompt, task.json_schema             # what a model is sent
task.parse('{"asset": "utility_pole" …}') # field name → value, or AnswerInvalid
"""

from vistoria.task.field import Field, Kind
from vistoria.task.file import load_task, ready_tasks
from vistoria.task.task import Example, Task

__all__ = ["Example", "Field", "Kind", "Task", "load_task", "ready_tasks"]
