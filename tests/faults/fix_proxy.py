"""A TCP proxy of ours, between any two of client, pooler, server and standby.

It can be slow, cut its connections, or hold them silently: bytes then wait in the kernel, as on a
network that is parted, and arrive late if it heals.
"""

from __future__ import annotations

import asyncio
import contextlib
import threading
from types import TracebackType
from typing import Self

_CHUNK = 65_536


class Proxy:
    """Listens on 127.0.0.1 and passes on what it gets; a context manager.

    Args:
        target: a port of 127.0.0.1; may be changed, for new connections.

    Attributes:
        port: where it listens.
        delay_s: that each piece waits before it is passed on.
    """

    def __init__(self, target: int) -> None:
        self.target = target
        self.port = 0
        self.delay_s = 0.0
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._open: set[asyncio.StreamWriter] = set()
        self._tasks: set[asyncio.Task[None]] = set()
        self._server: asyncio.Server | None = None
        # Set: bytes pass.
        self._there = asyncio.Event()
        self._back = asyncio.Event()

    def __enter__(self) -> Self:
        self._thread.start()
        asyncio.run_coroutine_threadsafe(self._listen(), self._loop).result(10)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        asyncio.run_coroutine_threadsafe(self._end(), self._loop).result(10)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(10)
        self._loop.close()

    def part(self, *, there: bool = True, back: bool = True) -> None:
        """Hold bytes to the target (`there`), from it (`back`), or both ways.

        Only `back`: half open, calls arrive and their answers do not.
        """
        if there:
            self._loop.call_soon_threadsafe(self._there.clear)
        if back:
            self._loop.call_soon_threadsafe(self._back.clear)

    def heal(self) -> None:
        """Let bytes pass again, those that waited first."""
        self._loop.call_soon_threadsafe(self._there.set)
        self._loop.call_soon_threadsafe(self._back.set)

    def cut(self) -> None:
        """Reset every connection."""
        self._loop.call_soon_threadsafe(self._abort)

    def _abort(self) -> None:
        for writer in tuple(self._open):
            writer.transport.abort()

    async def _listen(self) -> None:
        self._there.set()
        self._back.set()
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        self.port = self._server.sockets[0].getsockname()[1]

    async def _end(self) -> None:
        assert self._server is not None
        self._server.close()
        self._abort()
        for task in tuple(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        self._open.add(writer)
        try:
            # Nobody gets through while the network is parted, new connections neither.
            await self._there.wait()
            up, down = await asyncio.open_connection("127.0.0.1", self.target)
            self._open.add(down)
            try:
                async with asyncio.TaskGroup() as both:
                    both.create_task(self._pass(reader, down, self._there))
                    both.create_task(self._pass(up, writer, self._back))
            finally:
                self._open.discard(down)
                down.transport.abort()
        except* (OSError, asyncio.CancelledError):
            pass
        finally:
            self._open.discard(writer)
            self._tasks.discard(task)
            writer.transport.abort()

    async def _pass(
        self, source: asyncio.StreamReader, sink: asyncio.StreamWriter, gate: asyncio.Event
    ) -> None:
        while data := await source.read(_CHUNK):
            if self.delay_s:
                await asyncio.sleep(self.delay_s)
            await gate.wait()
            sink.write(data)
            await sink.drain()
        await gate.wait()
        with contextlib.suppress(OSError):
            sink.write_eof()
