"""The load of open dashboard pages: accounts that are signed in, and requests for `live`."""

import asyncio
import random
from collections.abc import Coroutine
from itertools import cycle, islice
from typing import Any

from django.conf import settings
from django.contrib.auth.models import Permission, User
from django.test import Client


def sign_in(accounts: int) -> tuple[str, list[str]]:
    """Make so many accounts that may read everything; return the key of sessions, and the session cookie of each."""
    may_read = Permission.objects.get(content_type__app_label="watchtime", codename="read_totals")
    cookies = []
    for number in range(accounts):
        account = User.objects.create_user(f"reader-{number}")
        account.user_permissions.add(may_read)
        client = Client()
        client.force_login(account, "django.contrib.auth.backends.ModelBackend")
        cookies.append(client.cookies["sessionid"].value)
    return settings.SECRET_KEY, cookies


def poll(port: int, requests: list[str], pages: int, pause: float, seconds: float) -> int:
    """Let so many pages ask, each with a pause after each answer; return how often they asked."""
    asked = [_page(port, request.encode(), pause, seconds) for request in islice(cycle(requests), pages)]
    return sum(asyncio.run(_all(asked)))


async def _all(pages: list[Coroutine[Any, Any, int]]) -> list[int]:
    return await asyncio.gather(*pages)


async def _page(port: int, request: bytes, pause: float, seconds: float) -> int:
    end, asked = asyncio.get_running_loop().time() + seconds, 0
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    await asyncio.sleep(random.uniform(0, pause))  # they were not opened together
    while asyncio.get_running_loop().time() < end:
        writer.write(request)
        head = await reader.readuntil(b"\r\n\r\n")
        length = int(head.lower().partition(b"content-length: ")[2].partition(b"\r\n")[0])
        if b'"live":{' not in (body := await reader.readexactly(length)):
            raise RuntimeError(f"The page got no live numbers: {body!r}")
        asked += 1
        await asyncio.sleep(pause)
    writer.close()
    return asked
