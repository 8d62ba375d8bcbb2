"""Open pages of the dashboard, as the server sees them."""

import asyncio
import random


def poll(port: int, request: str, pages: int, pause: float, seconds: float) -> int:
    """Let so many pages ask, each with a pause after each answer; return how often they asked."""
    return sum(asyncio.run(_all(port, request.encode(), pages, pause, seconds)))


async def _all(port: int, request: bytes, pages: int, pause: float, seconds: float) -> list[int]:
    return await asyncio.gather(*(_page(port, request, pause, seconds) for _ in range(pages)))


async def _page(port: int, request: bytes, pause: float, seconds: float) -> int:
    end, asked = asyncio.get_running_loop().time() + seconds, 0
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    await asyncio.sleep(random.uniform(0, pause))  # they were not opened together
    while asyncio.get_running_loop().time() < end:
        writer.write(request)
        head = await reader.readuntil(b"\r\n\r\n")
        length = int(head.lower().partition(b"content-length: ")[2].partition(b"\r\n")[0])
        if b'"live":{' not in await reader.readexactly(length):
            raise RuntimeError("The page got no live numbers.")
        asked += 1
        await asyncio.sleep(pause)
    writer.close()
    return asked
