"""Which alert fires for which trouble, and what commands of its runbook must print of the cause."""

import re
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from subprocess import CompletedProcess
from typing import Final

from tests.support.alerts import ALERTS, ROOT
from tests.support.harness import until


@dataclass(frozen=True, slots=True)
class Case:
    """An alert, what it fires for, and what commands of its runbook print of the cause: `{command: text}`."""

    alert: str
    service: str
    shows: dict[str, str]

    def names(self, command: str) -> bool:
        """Whether the runbook has an operator type this command; SERVICE there is the service here."""
        page = ROOT / str(ALERTS[self.alert]["annotations"]["runbook"])
        typed = re.sub(rf"\b{self.service}\b", "SERVICE", command) if self.service else command
        return f"`lutong {typed}`" in page.read_text(encoding="utf-8")

    async def leads(
        self,
        fires: Callable[[], Awaitable[bool]],
        typed: Callable[..., Awaitable[CompletedProcess[str]]],
        within_s: float,
    ) -> None:
        """Wait until the alert fires; then what its runbook has an operator type shows the cause."""
        await until(fires, f"{self.alert} fires", deadline_s=within_s)
        for command, text in self.shows.items():
            assert self.names(command), (self.alert, command)
            done = await typed(*command.split())
            printed = done.stdout + done.stderr
            assert text in printed, f"{self.alert} fires, and `lutong {command}` does not show {text!r}:\n{printed}"


TOGETHER: Final = (
    Case("BatchStuck", "registry", {"doctor": "tries the same batch for", "logs registry": "DeadlockDetectedError"}),
    Case("BatchesRetried", "registry", {"logs registry": "DeadlockDetectedError"}),
    Case("StockDrifts", "inventory", {"verify": "V6"}),
    Case("RecordsParked", "registry", {"parked list": "bad_bytes", "parked groups": "bad_bytes"}),
    Case("ParkedTooLong", "registry", {"parked list": "bad_bytes"}),
    Case("KeysMisplaced", "registry", {"doctor": "murmur2", "verify": "V1"}),
    Case("RebalanceStorm", "inventory", {"logs inventory": "partitions_assigned"}),
    Case("DeadlineOverdue", "inventory", {"doctor": "overdue"}),
    Case("TransactionTooLong", "feed", {"doctor": "of role feed has locked"}),
    Case("ConsumerBehind", "feed", {"lag": "feed"}),
    Case("CommandsSlow", "feed", {"doctor": "has locked"}),
    Case("CommandsRefused", "feed", {"doctor": "has locked"}),
    Case("InvariantBroken", "console", {"verify": "V6"}),
    Case("ProbeFails", "console", {"probe": "publish", "doctor": "has locked"}),
    Case("LoopFails", "membership", {"logs membership": "loop_failed", "doctor": "membership: a deadline is overdue"}),
    Case("DeadRowsPileUp", "inventory", {"doctor": "dead rows in bulk"}),
    Case("AnswersBurnFast", "feed", {"doctor": "has locked"}),
    Case("AnswersBurnSlowly", "feed", {"doctor": "has locked"}),
    Case("QuickAnswersBurnFast", "feed", {"doctor": "has locked"}),
    Case("QuickAnswersBurnSlowly", "feed", {"doctor": "has locked"}),
)
KAFKA_AWAY: Final = (
    Case("OutboxNotPublished", "feed", {"status": "kafka", "doctor": "Kafka"}),
    Case("InvariantsNotChecked", "console", {"doctor": "Kafka"}),
)
LATE: Final = (
    Case("PublicationBurnFast", "feed", {"logs feed": "Unable connect to"}),
    Case("PublicationBurnSlowly", "feed", {"logs feed": "Unable connect to"}),
    Case("FreshnessBurnFast", "registry", {"logs registry": "Unable connect to"}),
    Case("FreshnessBurnSlowly", "registry", {"logs registry": "Unable connect to"}),
)
"""Once Kafka is back, and what waited has gone."""
ENDED: Final = (Case("ServiceDown", "feed", {"status": "stopped", "doctor": "lutong up"}),)
IN_CONTAINERS: Final = (
    Case("PartitionsUnderReplicated", "", {"status": "kafka-2", "doctor": "kafka-2: its container is exited"}),
    Case("ConnectionsRunOut", "", {"doctor": "by role postgres (a-report)"}),
    Case("DiskFillsUp", "", {"doctor": "kafka: its disk is 9"}),
)
"""Alerts on what exporters report, all at once."""
NOT_LET_IN: Final = Case("NotWatched", "", {"logs postgres-exporter": "password authentication failed"})
