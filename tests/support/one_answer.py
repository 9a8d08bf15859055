"""A service of the suite that answers one document, for tests of commands: it remembers what was asked."""

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest


class OneAnswer(BaseHTTPRequestHandler):
    """Answers `document` to everything but what `others` has by the end of its path; `asked` are the paths."""

    document: dict[str, Any]
    asked: list[str]
    others: dict[str, Any]

    def do_GET(self) -> None:  # the standard library's name
        """Answer."""
        self.asked.append(self.path)
        path = self.path.partition("?")[0]
        others = [answer for end, answer in self.others.items() if path.endswith(end)]
        body = json.dumps(others[0] if others else self.document).encode()
        self.send_response(200)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    do_POST = do_PUT = do_GET  # noqa: N815  # the standard library's names

    def log_message(self, *_arguments: object) -> None:
        """Silence on stderr."""


@contextmanager
def answering(document: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> Iterator[type[OneAnswer]]:
    """All four services answer a document; the command line finds them by their variables."""
    handler = type("Handler", (OneAnswer,), {"document": document, "asked": [], "others": {}})
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    for service in ("FEED", "REGISTRY", "MEMBERSHIP", "INVENTORY"):
        monkeypatch.setenv(f"LUTONG_{service}_URL", f"http://127.0.0.1:{server.server_address[1]}")
    monkeypatch.setenv("LUTONG_HOME", "/nonexistent")
    yield handler
    server.shutdown()
    thread.join()
    server.server_close()
