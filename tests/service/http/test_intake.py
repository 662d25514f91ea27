"""Bytes that nobody wants are dropped where they are: exactly so many, of this connection alone, which stays open."""

import asyncio
import socket
from collections.abc import Awaitable, Callable

import pytest
import uvloop

from service.http.intake import PIECE_BYTES, Room

SERVERS = {"uvloop": uvloop.new_event_loop, "asyncio": asyncio.new_event_loop}


@pytest.fixture(params=sorted(SERVERS))
def with_a_connection(request: pytest.FixtureRequest) -> Callable[..., int]:
    """Runs a test with the transport of a connection that reads nothing, and the socket at its other end."""

    def run(test: Callable[[asyncio.Transport, socket.socket], Awaitable[int]]) -> int:
        async def connected() -> int:
            loop = asyncio.get_running_loop()
            arrived: asyncio.Future[asyncio.Transport] = loop.create_future()

            class Silent(asyncio.Protocol):
                def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
                    arrived.set_result(transport)

            server = await loop.create_server(Silent, "127.0.0.1", 0)
            with socket.create_connection(server.sockets[0].getsockname()) as client:
                transport = await asyncio.wait_for(arrived, 10)
                await asyncio.sleep(0.01)
                transport.pause_reading()
                try:
                    return await asyncio.wait_for(test(transport, client), 10)
                finally:
                    transport.close()
                    server.close()

        with asyncio.Runner(loop_factory=SERVERS[request.param]) as runner:
            return runner.run(connected())

    return run


def test_only_what_has_arrived_is_dropped(with_a_connection: Callable[..., int]) -> None:
    async def test(transport: asyncio.Transport, client: socket.socket) -> int:
        room = Room()
        assert room.drop(transport, 10) == 0
        client.sendall(b"abcdef")
        return room.drop(transport, 10) + room.drop(transport, 10)

    assert with_a_connection(test) == 6


def test_no_more_is_dropped_than_asked_for(with_a_connection: Callable[..., int]) -> None:
    async def test(transport: asyncio.Transport, client: socket.socket) -> int:
        client.sendall(b"abcdef")
        assert Room().drop(transport, 4) == 4
        # The connection is as it was: its transport reads what is left, and answers.
        received: asyncio.Future[bytes] = asyncio.get_running_loop().create_future()

        class Listens(asyncio.Protocol):
            def data_received(self, data: bytes) -> None:
                received.set_result(data)

        transport.set_protocol(Listens())
        transport.resume_reading()
        assert await received == b"ef"
        transport.write(b"yes")
        await asyncio.sleep(0.01)
        return len(client.recv(10))

    assert with_a_connection(test) == 3


def test_more_than_one_piece_is_dropped_at_once(with_a_connection: Callable[..., int]) -> None:
    async def test(transport: asyncio.Transport, client: socket.socket) -> int:
        client.setblocking(False)
        sent = 0
        while sent < 2 * PIECE_BYTES:
            try:
                sent += client.send(b"a" * PIECE_BYTES)
            except BlockingIOError:
                break
        await asyncio.sleep(0.05)
        dropped = Room().drop(transport, sent)
        while dropped < sent:
            await asyncio.sleep(0.01)
            dropped += Room().drop(transport, sent - dropped)
        return dropped - sent

    assert with_a_connection(test) == 0


def test_a_client_that_is_gone_leaves_nothing_to_drop(with_a_connection: Callable[..., int]) -> None:
    async def test(transport: asyncio.Transport, client: socket.socket) -> int:
        client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
        client.close()  # with a reset
        await asyncio.sleep(0.01)
        return Room().drop(transport, 10)

    assert with_a_connection(test) == 0
