"""A Kafka that has seen nothing: what a restore begins with."""

import re

from lutong_chassis.kafka import KafkaAccess
from lutong_console import restoring
from lutong_console.cli.errors import PROBLEM, ConsoleError
from lutong_console.deployment import Deployment
from lutong_console.engine import Engine, run, wanted


async def refuse_used(kafka: KafkaAccess) -> None:
    """Refuse one that has seen events: it would give services events that never were."""
    if events := await restoring.events_of(kafka):
        raise ConsoleError(
            f"Kafka has seen {events} events, and the backup may not know them: it must be a new one",
            then="lutong restore --new-kafka DIRECTORY throws away what it holds; give a Kafka of yours new topics",
            code=PROBLEM,
        )


def of_containers(deployment: Deployment) -> None:
    """Take all brokers away with their volumes, and start as many with nothing in them; then its rules and topics."""
    if deployment.brokers is None:
        raise ConsoleError("Kafka is yours: give it new topics, and restore without --new-kafka", code=PROBLEM)
    docker = Engine(deployment.place)
    configuration = docker.configuration()
    there = wanted(configuration)
    brokers = sorted(name for name in there if re.fullmatch(r"kafka(-\d+)?", name))
    docker.tell("rm", "--stop", "--force", *brokers)
    used = {each["source"] for name in brokers for each in there[name]["volumes"] if each["type"] == "volume"}
    names = {configuration["volumes"][volume]["name"] for volume in used}
    if present := names & set(run("docker", "volume", "ls", "--quiet").split()):
        run("docker", "volume", "rm", *sorted(present))
    docker.tell("up", "--detach", "--wait", "--no-deps", *brokers)
    for job in ("acl", "topics"):
        if job in there:
            docker.tell("run", "--rm", "--no-deps", "-T", job)
