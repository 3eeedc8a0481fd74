"""Training: what is learned, what is never seen, what the card says."""

from dataclasses import replace

from tests.student.shapes import TASK
from vistoria.student.student import Student


def test_quick(student: Student) -> None:
    for name, one in student.learned.fields.items():
        print(name, one.head.form, one.rows, one.trained, one.head.temperature, one.test.agreement, one.test.calibration, one.curve)
    print(student.learned.left, student.seconds, student.learned.seconds, student.thresholds)
    print(student.learned.suspects[:5])
