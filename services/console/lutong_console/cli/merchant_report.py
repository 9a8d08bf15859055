"""What the reports of a merchant have in common: one question to a service, and a picture in a file."""

from pathlib import Path
from typing import Any, Final
from urllib.parse import quote

from lutong_console.cli.errors import USAGE, ConsoleError
from lutong_console.cli.screen import echo
from lutong_console.targets import Suite, call

_TIMEOUT_S: Final = 60

Document = dict[str, Any]
"""A report as a service answers it."""


async def report_of(target: Suite, service: str, merchant: str, what: str, **narrowed: str | None) -> Document:
    """The report `what` of a merchant, as `service` answers it; what `narrowed` leaves None is not asked for."""
    async with target.client(_TIMEOUT_S) as client:
        url = f"{target.urls[service]}/v1/merchants/{quote(merchant, safe='')}/{what}"
        params = {name: value for name, value in narrowed.items() if value}
        document: Document = await call(client, "GET", url, params=params)
        return document


def draw(svg: str, picture: Path) -> None:
    """Write a picture into a file, and report that; an error where it cannot be written."""
    try:
        picture.write_text(svg, encoding="utf-8")
    except OSError as error:
        raise ConsoleError(f"{picture} cannot be written ({error.strerror})", code=USAGE) from None
    echo(f"wrote {picture}")
