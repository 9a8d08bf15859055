"""The network between services and what they stand on, so that it can fail: SIGUSR1 cuts every connection.

`python -m tests.chaos.proxy PORT TARGET [PORT TARGET …]` carries bytes from each loopback port to its target.
"""

import asyncio
import signal
import socket
import struct
import sys
from contextlib import suppress

_RESET_ON_CLOSE = struct.pack("ii", 1, 0)

_open: set[asyncio.StreamWriter] = set()


def cut() -> None:
    """Reset all connections, in the middle of whatever they say."""
    for writer in list(_open):
        _reset(writer)


def _reset(writer: asyncio.StreamWriter) -> None:
    connection = writer.get_extra_info("socket")
    with suppress(OSError):
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET_ON_CLOSE)
    writer.transport.abort()


async def _carry(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with suppress(OSError):
        while data := await reader.read(65_536):
            writer.write(data)
            await writer.drain()
    _reset(writer)


async def serve(port: int, target: int) -> None:
    """Carry connections for ever."""

    async def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            there, back = await asyncio.open_connection("127.0.0.1", target)
        except OSError:
            _reset(writer)
            return
        pair = {writer, back}
        _open.update(pair)
        try:
            await asyncio.gather(_carry(reader, back), _carry(there, writer))
        finally:
            _open.difference_update(pair)

    server = await asyncio.start_server(connected, "127.0.0.1", port)
    await server.serve_forever()


async def main(ports: list[int]) -> None:
    """Serve every pair of ports until killed."""
    asyncio.get_running_loop().add_signal_handler(signal.SIGUSR1, cut)
    await asyncio.gather(*(serve(port, target) for port, target in zip(ports[::2], ports[1::2], strict=True)))


if __name__ == "__main__":
    asyncio.run(main([int(port) for port in sys.argv[1:]]))
