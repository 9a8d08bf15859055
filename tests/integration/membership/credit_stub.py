"""A provider outside, as a process: it keeps its word, or breaks it in the way that a test asks for.

`python -m tests.integration.membership.credit_stub PORT` serves the contracts of `credit.http_provider`, of
`deduction.http_provider` and of `payment.http_provider`, and

    PUT /stub      how to behave from now on: {"POST": {…}, "GET": {…}}, see `Behaviour`
    DELETE /stub   forget everything
    GET /stub      what was asked: [{"method": …, "path": …, "order": …, "token": …}, …]
"""

import asyncio
import hashlib
import hmac
import json
import socket
import struct
import sys
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

_RESET_ON_CLOSE = struct.pack("ii", 1, 0)
SIGNING_KEY = "a-key-that-only-the-provider-and-we-have"
_NAMES = {"deductions": "deduction_id", "payments": "repayment_id"}
DECISION = {"state": "decided", "decision": "admitted", "points": 712, "limit_minor": 300_000, "valid_days": 30}


@dataclass(frozen=True, slots=True)
class Behaviour:
    """What happens to one kind of request. `take` is whether an order is taken; `then` is what its sender sees."""

    take: bool = True
    then: str = "answer"  # or: silence, cut, drip, flood
    status: int = 200
    body: str | None = None  # instead of the order as it stands
    headers: dict[str, str] = field(default_factory=dict)
    decided: dict[str, Any] = field(default_factory=lambda: dict(DECISION))
    key: str = SIGNING_KEY  # payments are signed with it


class Stub:
    """The orders that were taken, and everything that was asked."""

    def __init__(self) -> None:
        self.behaviours: dict[str, Behaviour] = {}
        self.orders: dict[str, dict[str, Any]] = {}
        self.asked: list[dict[str, Any]] = []

    async def connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Serve one connection until it ends."""
        with suppress(OSError, asyncio.IncompleteReadError):
            while True:
                head = (await reader.readuntil(b"\r\n\r\n")).decode()
                method, path, _ = head.split(" ", 2)
                headers = dict(line.lower().split(": ", 1) for line in head.split("\r\n")[1:] if line)
                body = await reader.readexactly(int(headers.get("content-length", "0")))
                if path == "/stub":
                    _answer(writer, 200, self._instructed(method, body))
                else:
                    await self._serve(writer, method, path, body, headers)
                await writer.drain()

    def _instructed(self, method: str, body: bytes) -> str:
        if method == "PUT":
            self.behaviours = {kind: Behaviour(**behaviour) for kind, behaviour in json.loads(body).items()}
        if method == "DELETE":
            self.behaviours, self.orders, self.asked = {}, {}, []
        return json.dumps(self.asked)

    async def _serve(
        self, writer: asyncio.StreamWriter, method: str, path: str, body: bytes, headers: dict[str, str]
    ) -> None:
        behaviour = self.behaviours.get(method, Behaviour())
        name = _NAMES.get(path.split("/")[1], "out_order_no")
        sent = json.loads(body) if method == "POST" else {}
        number = sent[name] if method == "POST" else path.rpartition("/")[2]
        token = headers.get("authorization", "")
        self.asked.append({"method": method, "path": path, "order": number, "token": token, "body": body.decode()})
        if method == "POST" and behaviour.take:
            self.orders[number] = sent | behaviour.decided | {name: number}
        order = self.orders.get(number)
        if order and name == "repayment_id":
            order = order | {"signature": _signature(order, behaviour.key)}
        reply = behaviour.body if behaviour.body is not None else json.dumps(order or {})
        await self._send_reply(writer, behaviour, behaviour.status if order or behaviour.status != 200 else 404, reply)

    async def _send_reply(self, writer: asyncio.StreamWriter, behaviour: Behaviour, status: int, reply: str) -> None:
        match behaviour.then:
            case "silence":
                await asyncio.Event().wait()
            case "cut":
                writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET_ON_CLOSE)
                writer.transport.abort()
            case "drip" | "flood":
                writer.write(b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n")
                while True:
                    size = 1 if behaviour.then == "drip" else 10_000
                    writer.write(f"{size:x}\r\n".encode() + b"x" * size + b"\r\n")
                    await writer.drain()
                    await asyncio.sleep(0.02 if behaviour.then == "drip" else 0)
            case _:
                _answer(writer, status, reply, behaviour.headers)


def _signature(order: dict[str, Any], key: str) -> str:
    """As a provider works it out for itself: nothing of the service's code takes part."""
    names = ("repayment_id", "state", "amount_minor", "currency", "receipt", "reason")
    signed = "|".join(str(order.get(name) or "") for name in names)
    return hmac.new(key.encode(), signed.encode(), hashlib.sha256).hexdigest()


def _answer(writer: asyncio.StreamWriter, status: int, body: str, headers: dict[str, str] | None = None) -> None:
    lines = [f"HTTP/1.1 {status} Said", f"content-length: {len(body.encode())}"]
    lines += [f"{name}: {value}" for name, value in (headers or {}).items()]
    writer.write("\r\n".join([*lines, "", body]).encode())


async def main(port: int) -> None:
    """Serve until killed."""
    server = await asyncio.start_server(Stub().connected, "127.0.0.1", port)
    await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(main(int(sys.argv[1])))
