"""Events as they come in bad weather, against functions-framework in a process of its own that is
killed: some are delivered twice, some late, some are no news of an image."""

import os
import random
import signal
import socket
import sqlite3
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median

from tests.functions.events import BUCKET, by_eventarc, finalized, picture, pushed
from tests.servers._model import Behaviour
from tests.servers.cloud_storage import CloudStorageServer
from tests.servers.openai import KEY, MODEL, OpenAIServer
from tests.servers.pubsub import Delivery, PubSubServer

TOPIC = "projects/proj-1/topics/unlabelled"
MAIN = "import functions_framework\nfrom vistoria.functions import label\n"
PROJECT = """
[source]
address = "gs://{bucket}"
[task]
name = "street_asset"
fields = ["asset", "material"]
[images.store]
skip_signature = true
[model]
name = "openai:{model}"
base_url = "{url}/v1"
[run]
concurrency = {concurrency}
[functions]
dead_letter = "{topic}"
"""
_SERVER = str(Path(sys.executable).with_name("functions-framework"))


class Server:
    """functions-framework on a port of its own, as its image starts it."""

    def __init__(self, folder: Path, env: Mapping[str, str], threads: int) -> None:
        """`folder`: of vistoria.toml."""
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            port = free.getsockname()[1]
        self.url = f"http://127.0.0.1:{port}/"
        (folder / "main.py").write_text(MAIN)
        clean = {k: v for k, v in os.environ.items() if not k.startswith("VISTORIA_")}
        self._env = {**clean, **env, "PORT": str(port), "HOST": "127.0.0.1",
                     "THREADS": str(threads), "FUNCTION_TARGET": "label"}  # fmt: skip
        self._folder, self._port = folder, port
        self.start()

    def start(self) -> None:
        """Starts it; does not wait."""
        log = (self._folder / "server.log").open("ab")
        self.process = subprocess.Popen(
            [_SERVER, "--source", "main.py"], cwd=self._folder, env=self._env, stdout=log,
            stderr=log, start_new_session=True,
        )  # fmt: skip
        log.close()

    def wait_until_up(self, seconds: float = 60.0) -> None:
        """Until its port is open."""
        ends = time.monotonic() + seconds
        while time.monotonic() < ends:
            with socket.socket() as probe:
                if probe.connect_ex(("127.0.0.1", self._port)) == 0:
                    return
            time.sleep(0.02)
        raise AssertionError((self._folder / "server.log").read_text())

    def kill(self) -> None:
        """`kill -9`, its workers too."""
        os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()

    def stop(self) -> None:
        """As Cloud Run ends an instance."""
        os.killpg(self.process.pid, signal.SIGTERM)
        try:
            self.process.wait(60)
        except subprocess.TimeoutExpired:
            self.kill()


@dataclass
class Weather:
    """What came of a storm. `asked`: image → calls; `lost`: calls without outcome, as the ledger
    has them; `labels`: address → labels; `seconds`: from an event to its end, each."""

    events: int = 0
    images: int = 0
    strays: int = 0
    kept: int = 0
    outdated: int = 0
    asked: Counter[str] = field(default_factory=Counter)
    in_flight: int = 0
    lost: int = 0
    labels: Counter[str] = field(default_factory=Counter)
    deliveries: list[Delivery] = field(default_factory=list)
    taken: bool = False
    tail: float = 0.0

    @property
    def again(self) -> int:
        """Calls beyond one for each image."""
        return sum(self.asked.values()) - len(self.asked)

    @property
    def answered_tries(self) -> int:
        """Of one delivery, the most that the server answered."""
        return max(sum(status != 0 for status in one.statuses) for one in self.deliveries)

    @property
    def typical(self) -> float:
        """Seconds from an event to its end, the median."""
        return median(one.seconds for one in self.deliveries)


@contextmanager
def surroundings(
    folder: Path, *, latency: float, concurrency: int = 32
) -> Iterator[tuple[CloudStorageServer, OpenAIServer, PubSubServer, dict[str, str]]]:
    """The servers, and the environment that leads the function to them."""
    service = OpenAIServer(Behaviour(latency=latency, spread=0.5))
    with CloudStorageServer() as storage, service, PubSubServer() as pubsub:
        storage.open = True
        pubsub.published[TOPIC] = []
        env = {"STORAGE_EMULATOR_HOST": storage.url, "OPENAI_API_KEY": KEY,
               "PUBSUB_EMULATOR_HOST": pubsub.url.removeprefix("http://")}  # fmt: skip
        (folder / "vistoria.toml").write_text(
            PROJECT.format(
                bucket=BUCKET, model=MODEL, url=service.url, topic=TOPIC, concurrency=concurrency
            )
        )
        yield storage, service, pubsub, env


def storm(
    folder: Path, events: int, *, rate: float = 50.0, kills: int = 2, latency: float = 0.3
) -> Weather:
    """Sends so many events at so many a second; 10 % are delivered twice, 5 % come late (half of
    them about what was overwritten meanwhile), 2 % are malformed or of other types."""
    weather = Weather(events=events)
    with surroundings(folder, latency=latency) as (storage, service, pubsub, env):
        sendings = _sendings(events, rate, storage, weather)
        server = Server(folder, env, threads=64)
        try:
            server.wait_until_up()
            _send(sendings, server, pubsub, service, kills, weather)
            ended = time.monotonic()
            weather.taken = pubsub.wait_until_taken(120)
            weather.tail = time.monotonic() - ended
        finally:
            server.stop()
        weather.deliveries = pubsub.deliveries
        weather.asked.update(one.image for one in service.sent)
    _read(folder, weather)
    return weather


def _sendings(
    events: int, rate: float, storage: CloudStorageServer, weather: Weather
) -> list[tuple[float, dict[str, str], bytes]]:
    """When, and what; sorted."""
    dice, found = random.Random(7), []
    for number in range(events):
        at = number / rate
        if dice.random() < 0.02:
            weather.strays += 1
            found.append((at, *_stray(number, dice)))
            continue
        name = f"photo-{number:05}.jpg"
        generation = 1_763_000_000_000_000 + number
        late = dice.random() < 0.05
        if late and dice.random() < 0.5:  # the older event of an image that was overwritten
            weather.outdated += 1
            found.append((at + dice.uniform(1, 3), *_event(name, generation - 1, dice)))
            late = False
        weather.images += 1
        storage.data[f"gs://{BUCKET}/{name}"] = picture(number)
        event = _event(name, generation, dice)
        found.append((at + (dice.uniform(1, 3) if late else 0), *event))
        if dice.random() < 0.1:
            found.append((at + dice.uniform(0, 2), *event))
    return sorted(found, key=lambda one: one[0])


def _event(name: str, generation: int, dice: random.Random) -> tuple[dict[str, str], bytes]:
    """In one of the forms that Google sends."""
    match dice.randrange(4):
        case 0:
            return finalized(name, generation, structured=True)
        case 1:
            pair: tuple[dict[str, str], bytes] = pushed(name, generation)
            return pair
        case 2:
            return by_eventarc(pushed(name, generation))
    return finalized(name, generation)


def _stray(number: int, dice: random.Random) -> tuple[dict[str, str], bytes]:
    name = f"stray-{number}.jpg"
    match dice.randrange(4):
        case 0:
            return {"Content-Type": "application/json"}, f"{{{number}".encode()
        case 1:
            return finalized(name, 1, kind="google.cloud.storage.object.v1.deleted")
        case 2:
            pair: tuple[dict[str, str], bytes] = pushed(name, number + 1, "OBJECT_DELETE")
            return pair
    return finalized(f"{number}.csv", 1, contentType="text/csv")


def _send(
    sendings: list[tuple[float, dict[str, str], bytes]], server: Server, pubsub: PubSubServer,
    service: OpenAIServer, kills: int, weather: Weather,
) -> None:  # fmt: skip
    due = [len(sendings) * (number + 1) // (kills + 1) for number in range(kills)]
    began = time.monotonic()
    for number, (at, headers, body) in enumerate(sendings):
        while (wait := began + at - time.monotonic()) > 0:
            time.sleep(min(wait, 0.05))
        pubsub.send(server.url, headers, body)
        if number in due:
            ends = time.monotonic() + 20  # so that something is under way
            while not service._in_flight and time.monotonic() < ends:
                time.sleep(0.005)
            weather.in_flight += service._in_flight
            server.kill()
            server.start()
    while len(pubsub.deliveries) < len(sendings):
        time.sleep(0.02)


def _read(folder: Path, weather: Weather) -> None:
    db = sqlite3.connect(folder / ".vistoria/ledger.sqlite")
    weather.kept = db.execute("SELECT count(*) FROM strays").fetchone()[0]
    weather.lost = db.execute("SELECT count(*) FROM calls WHERE state = 'lost'").fetchone()[0]
    rows = db.execute(
        "SELECT o.uri FROM answers AS a JOIN observations AS o USING (ordinal) "
        "JOIN scopes AS s ON o.ordinal BETWEEN s.first AND s.last"
    )
    weather.labels.update(row[0] for row in rows)
    db.close()
