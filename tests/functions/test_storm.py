"""Events delivered twice, late or broken, to a server that is killed twice: the short form of
`make bench-automate`."""

from pathlib import Path

from tests.functions.storm import storm


def test_every_image_gets_one_label_and_nothing_is_asked_twice(tmp_path: Path) -> None:
    weather = storm(tmp_path, 200, rate=50, kills=2)
    assert weather.taken, "a delivery comes again and again"
    assert len(weather.labels) == weather.images
    assert set(weather.labels.values()) == {1}
    assert weather.kept == weather.strays > 0
    assert len(weather.asked) == weather.images
    assert weather.again <= weather.lost <= 2 * 32
    assert weather.answered_tries <= 4
