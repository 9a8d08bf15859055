"""The registry, put together."""

from pathlib import Path

from lutong_chassis import Service
from lutong_registry.handlers import handlers
from lutong_registry.http import router
from lutong_registry.jobs import job_queues

service = Service(
    "registry",
    handlers=handlers,
    routes=router,
    migrations=Path(__file__).parent / "migrations",
    job_queues=job_queues,
)

if __name__ == "__main__":
    service.run()
