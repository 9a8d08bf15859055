"""Whether a service of this machine is ready to serve, asked without any proxy."""

import json
import urllib.error
import urllib.request
from typing import Any, Final

_DIRECT: Final = urllib.request.build_opener(urllib.request.ProxyHandler({}))
"""Asks without a proxy: everything here is on loopback."""


def readiness_at(url: str) -> dict[str, Any]:
    """What the service at a URL answers about its readiness; not ready when it does not answer."""
    try:
        with _DIRECT.open(f"{url}/readyz", timeout=3) as answer:
            state: dict[str, Any] = json.loads(answer.read())
    except urllib.error.HTTPError as error:
        state = json.loads(error.read())
    except (OSError, ValueError):
        state = {"ready": False, "checks": {}}
    return state
