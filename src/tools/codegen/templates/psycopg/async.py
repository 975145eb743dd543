#!/usr/bin/env python3
"""One connection to PostgreSQL under asyncio, as a YAML file describes it.

Needs: pip install psycopg pyyaml (Debian: python3-psycopg python3-yaml)
Run:   python3 program.py [YAML file]
"""

import asyncio
import sys

import psycopg
import yaml

CONFIG_FILE = "@CONFIG@"


from settings import *


async def work(conn):
    """Your work goes here. What it raises rolls it back."""
    name = "statement_timeout"
    cursor = await conn.execute(
        "SELECT current_database(), current_setting('application_name'), current_setting(%s)", (name,)
    )
    row = await cursor.fetchone()
    print(f"database {row[0]}, application {row[1]}, {name} {row[2]}")


async def run(path):
    document = read_config(path)
    async with await psycopg.AsyncConnection.connect(**connect_arguments(document)) as conn:
        for name, value in section(document, "async_settings").items():
            await conn.execute("SELECT set_config(%s, %s, false)", (name, value))
        await conn.commit()
        await work(conn)  # leaving the block commits


def main():
    path = sys.argv[1] if len(sys.argv) > 1 else CONFIG_FILE
    try:
        asyncio.run(run(path))
    except (OSError, ValueError, yaml.YAMLError, psycopg.Error) as error:
        sys.exit(f"{path}: {error}")


if __name__ == "__main__":
    main()
