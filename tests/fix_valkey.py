"""A real Valkey, and a proxy of ours before it that is slow, silent, talks junk, or holds back."""

from __future__ import annotations

import asyncio
import random
import threading
from collections.abc import Generator, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from time import monotonic
from typing import Any

import pytest
import redis

from seckill.runtime.process import StartError
from seckill.runtime.valkey import Valkey
from tests.fix_postgres import unavailable


@pytest.fixture
def valkey() -> Iterator[Valkey]:
    """A Valkey for this test alone (50 ms), which may be killed and hung."""
    try:
        with Valkey() as server:
            yield server
            server.go_on()
    except StartError as error:
        unavailable(str(error))


@contextmanager
def console(valkey: Valkey) -> Generator[redis.Redis]:
    """A patient client of the server itself, to look and to meddle."""
    with redis.Redis.from_url(valkey.url) as client:
        yield client


@dataclass(slots=True)
class Proxy:
    """What lies between clients and Valkey. Each field may be changed while it runs.

    Attributes:
        url: where clients connect to.
        delay_s: before anything is passed on to a client.
        silent: nothing is passed on to a client.
        junk: clients get noise instead of answers.
        drip_s: clients get one byte at a time, so many seconds apart.
        held: what clients send waits here, also when they have gone; None: it is passed on.
    """

    url: str = ""
    delay_s: float = 0.0
    silent: bool = False
    junk: bool = False
    drip_s: float = 0.0
    held: list[bytes] | None = None
    arrived: int = 0
    _upstreams: list[asyncio.StreamWriter] = field(default_factory=list[asyncio.StreamWriter])
    _loop: asyncio.AbstractEventLoop | None = None

    def hold(self) -> None:
        """From now on what clients send waits."""
        self.held = []

    def release(self) -> None:
        """Send what has waited to Valkey, though whoever sent it may have gone."""
        assert self._loop is not None
        asyncio.run_coroutine_threadsafe(self._release(), self._loop).result(5)

    async def _release(self) -> None:
        held, self.held = self.held or [], None
        for data in held:
            writer = self._upstreams[-1]
            writer.write(data)
            await writer.drain()

    async def serve(self, path: Path, ready: threading.Event, stop: asyncio.Event) -> None:
        """Run until `stop`."""
        self._loop = asyncio.get_running_loop()

        async def client(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            try:
                with suppress(OSError, asyncio.CancelledError):
                    await self._between(path, reader, writer)
            finally:
                writer.transport.abort()

        server = await asyncio.start_server(client, "127.0.0.1", 0)
        self.url = f"redis://127.0.0.1:{server.sockets[0].getsockname()[1]}"
        ready.set()
        await stop.wait()
        server.close()
        others = asyncio.all_tasks() - {asyncio.current_task()}
        for task in others:
            task.cancel()
        await asyncio.gather(*others, return_exceptions=True)
        for writer in self._upstreams:
            writer.transport.abort()
        await asyncio.sleep(0.01)  # transports are closed by the loop

    async def _between(
        self, path: Path, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        up_reader, up_writer = await asyncio.open_unix_connection(str(path))
        self._upstreams.append(up_writer)
        back = asyncio.create_task(self._back(up_reader, writer))
        try:
            while data := await reader.read(65_536):
                self.arrived += 1
                if self.held is not None:
                    self.held.append(data)
                elif self.junk:
                    writer.write(random.randbytes(random.randrange(1, 200)))
                else:
                    up_writer.write(data)
        finally:
            back.cancel()
            if self.held is None:
                up_writer.transport.abort()

    async def _back(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while data := await reader.read(65_536):
            if self.delay_s:
                await asyncio.sleep(self.delay_s)
            if self.silent:
                continue
            pieces = [data] if not self.drip_s else [data[n : n + 1] for n in range(len(data))]
            for piece in pieces:
                if self.drip_s:
                    await asyncio.sleep(self.drip_s)
                writer.write(piece)
                await writer.drain()


@contextmanager
def proxy_before(path: Path) -> Generator[Proxy]:
    """A proxy before the Unix socket of a Valkey, in a thread of its own."""
    made = Proxy()
    ready = threading.Event()
    loop = asyncio.new_event_loop()
    stop = asyncio.Event()
    thread = threading.Thread(
        target=lambda: loop.run_until_complete(made.serve(path, ready, stop)), daemon=True
    )
    thread.start()
    try:
        assert ready.wait(10)
        yield made
    finally:
        loop.call_soon_threadsafe(stop.set)
        thread.join()
        loop.close()


@pytest.fixture
def proxy(valkey: Valkey) -> Iterator[Proxy]:
    """A proxy before the test's Valkey; without a change of its fields it passes all on."""
    with proxy_before(valkey.socket) as made:
        yield made


@contextmanager
def meddler(valkey: Valkey, key: str, value: Any) -> Generator[None]:
    """Somebody who writes a value over a flag again and again, without an end of its life."""
    stop = threading.Event()

    def meddle() -> None:
        with console(valkey) as client:
            while not stop.wait(0.002):
                client.set(key, value)

    thread = threading.Thread(target=meddle, daemon=True)
    thread.start()
    deadline = monotonic() + 5
    with console(valkey) as client:
        while client.get(key) is None:
            assert monotonic() < deadline
    try:
        yield
    finally:
        stop.set()
        thread.join()
