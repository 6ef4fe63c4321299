"""Into PostgreSQL's socket, for the tests: TCP connections go on to it as its superuser.

It runs in a container with the account of PostgreSQL's, which `peer` takes for the DBA
(compose.yaml beside this file). The stack as shipped has no such way in.
"""

from __future__ import annotations

import asyncio

SOCKET = "/run/postgresql/.s.PGSQL.5432"


async def copy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Pass on what comes, until it ends."""
    try:
        while data := await reader.read(65_536):
            writer.write(data)
            await writer.drain()
    except ConnectionError:
        pass
    finally:
        writer.close()


async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """One connection."""
    try:
        answers, server = await asyncio.open_unix_connection(SOCKET)
    except OSError:
        writer.close()
        return
    await asyncio.gather(copy(reader, server), copy(answers, writer))


async def main() -> None:
    """Until it is stopped."""
    async with await asyncio.start_server(serve, "0.0.0.0", 5432) as server:
        await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(main())
