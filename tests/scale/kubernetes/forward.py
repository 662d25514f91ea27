"""Carries connections from one address to another: `python forward.py ADDRESS PORT TO-ADDRESS TO-PORT`.

Run in a node's network, it lets the node pull from a registry that listens on this machine's loopback.
"""

import asyncio
import sys
from contextlib import suppress

PIECE = 65_536


async def carry(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Everything of one direction."""
    with suppress(OSError):
        while piece := await reader.read(PIECE):
            writer.write(piece)
            await writer.drain()
        writer.write_eof()


async def serve(address: str, port: int, to_address: str, to_port: int) -> None:
    """Until it is ended."""

    async def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            far_reader, far_writer = await asyncio.open_connection(to_address, to_port)
        except OSError:
            writer.close()
            return
        await asyncio.gather(carry(reader, far_writer), carry(far_reader, writer))
        for one in (writer, far_writer):
            one.close()

    server = await asyncio.start_server(connected, address, port)
    await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(serve(sys.argv[1], int(sys.argv[2]), sys.argv[3], int(sys.argv[4])))
