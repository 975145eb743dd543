#!/usr/bin/env python3
"""Tasks that share a pool of connections to PostgreSQL under asyncio, as a YAML file describes it.

Needs: pip install psycopg psycopg_pool pyyaml (Debian: python3-psycopg python3-psycopg-pool python3-yaml)
Run:   python3 program.py [YAML file]
"""

import asyncio
import sys

import psycopg
import yaml
from psycopg_pool import AsyncConnectionPool, PoolTimeout, TooManyRequests

CONFIG_FILE = "@CONFIG@"
TASKS = 10


from settings import *


from pool_settings import *


async def work(conn):
    """Your work goes here. What it raises rolls it back."""
    name = "statement_timeout"
    cursor = await conn.execute(
        "SELECT current_database(), current_setting('application_name'), current_setting(%s)", (name,)
    )
    row = await cursor.fetchone()
    print(f"database {row[0]}, application {row[1]}, {name} {row[2]}")


async def borrow_and_work(pool):
    """A task borrows only while it works, so the pool may be smaller than the number of tasks."""
    async with pool.connection() as conn:  # leaving the block commits, and gives the connection back
        await work(conn)


async def run(path):
    document = read_config(path)
    session = section(document, "async_settings")

    async def configure(conn):
        for name, value in session.items():
            await conn.execute("SELECT set_config(%s, %s, false)", (name, value))
        await conn.commit()

    arguments = connect_arguments(document)
    # What is wrong is told here, once, and not by each attempt of the pool.
    async with await psycopg.AsyncConnection.connect(**arguments) as conn:
        await configure(conn)
    pool = AsyncConnectionPool(
        kwargs=arguments,
        configure=configure,
        open=False,  # an event loop has to run: the next line opens it
        **pool_arguments(document, "async_pool_settings", AsyncConnectionPool),
    )
    async with pool:
        await asyncio.gather(*(borrow_and_work(pool) for _ in range(TASKS)))


def main():
    path = sys.argv[1] if len(sys.argv) > 1 else CONFIG_FILE
    try:
        asyncio.run(run(path))
    except (OSError, ValueError, yaml.YAMLError, psycopg.Error, PoolTimeout, TooManyRequests) as error:
        sys.exit(f"{path}: {error}")


if __name__ == "__main__":
    main()
