"""peer.py asyncpg|psycopg KIND CONNECTIONS IN_FLIGHT: a task for each statement in flight, over the library's own pool,
asyncpg on uvloop where that is there. What it is asked and what it prints is said in ../outside.h."""

import asyncio
import random
import sys
import time

POINT = "SELECT balance FROM accounts WHERE id = "


async def open_asyncpg(kind, connections):
    import asyncpg

    pool = await asyncpg.create_pool(min_size=connections, max_size=connections)
    if kind == "point":
        return lambda: pool.fetchval(POINT + "$1", random.randint(1, 100000))
    return lambda: pool.fetchval("SELECT 1")


async def open_psycopg(kind, connections):
    from psycopg_pool import AsyncConnectionPool

    pool = AsyncConnectionPool("", min_size=connections, max_size=connections, open=False, timeout=600)
    await pool.open(wait=True)

    async def ask(sql, args):
        async with pool.connection() as conn:
            return await (await conn.execute(sql, args)).fetchone()

    if kind == "point":
        return lambda: ask(POINT + "%s", (random.randint(1, 100000),))
    return lambda: ask("SELECT 1", None)


async def measure(ask, in_flight, ms):
    took = []
    start = time.perf_counter()
    end = start + ms / 1000

    async def chain():
        begun = time.perf_counter()
        while True:
            await ask()
            now = time.perf_counter()
            took.append(now - begun)
            begun = now
            if now >= end:
                return

    await asyncio.gather(*(chain() for _ in range(in_flight)))
    seconds = time.perf_counter() - start
    took.sort()
    print(len(took), seconds, *(took[int(part * (len(took) - 1))] * 1e6 for part in (0.5, 0.99)), flush=True)


async def main(library, kind, connections, in_flight):
    ask = await {"asyncpg": open_asyncpg, "psycopg": open_psycopg}[library](kind, int(connections))
    await ask()
    print("ready", flush=True)
    for line in sys.stdin:
        await measure(ask, int(in_flight), int(line))


if sys.argv[1] == "asyncpg":
    try:
        import uvloop

        uvloop.install()
    except ImportError:
        pass
asyncio.run(main(*sys.argv[1:]))
