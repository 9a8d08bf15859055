"""Asks the service in this container whether it is well. Exit code 1 and one sentence when it is not.

It runs every few seconds, so it needs the standard library only (`python -I -S`, 30 ms) and nothing of the service.
Both must be so: /livez, which fails when the loop that consumes no longer comes round or gets behind and stands still,
and /readyz, which fails without database, broker or partitions.
"""

import json
import os
import sys
from http.client import HTTPConnection, HTTPException
from typing import Final

_TIMEOUT_S: Final = 4.0


def what_is_wrong(host: str, port: int) -> str | None:
    """Why the service that listens there is not well, if it is not."""
    host = {"": "127.0.0.1", "0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)  # noqa: S104  # everywhere is here too
    for path in ("/livez", "/readyz"):
        connection = HTTPConnection(host, port, timeout=_TIMEOUT_S)
        try:
            connection.request("GET", path)
            answer = connection.getresponse()
            state = json.loads(answer.read())
        except (OSError, HTTPException, ValueError) as error:
            return f"{path} does not answer: {type(error).__name__}"
        finally:
            connection.close()
        if answer.status != 200:
            absent = [name for name, there in state.get("checks", {}).items() if not there]
            return f"{path}: {state.get('reason') or 'no ' + ', '.join(absent)}"
    return None


if __name__ == "__main__":
    if wrong := what_is_wrong(os.environ.get("LUTONG_HTTP_HOST", ""), int(os.environ.get("LUTONG_HTTP_PORT", "8000"))):
        sys.exit(wrong)
