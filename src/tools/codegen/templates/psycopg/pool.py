#!/usr/bin/env python3
"""Threads that share a pool of connections to PostgreSQL, as a YAML file describes it.

Needs: pip install psycopg psycopg_pool pyyaml (Debian: python3-psycopg python3-psycopg-pool python3-yaml)
Run:   python3 program.py [YAML file]
"""

import sys
from concurrent.futures import ThreadPoolExecutor

import psycopg
import yaml
from psycopg_pool import ConnectionPool, PoolTimeout, TooManyRequests

CONFIG_FILE = "@CONFIG@"
THREADS = 4


from settings import *


from pool_settings import *


def work(conn):
    """Your work goes here. What it raises rolls it back."""
    name = "statement_timeout"
    row = conn.execute(
        "SELECT current_database(), current_setting('application_name'), current_setting(%s)", (name,)
    ).fetchone()
    print(f"database {row[0]}, application {row[1]}, {name} {row[2]}")


def borrow_and_work(pool):
    """A thread borrows only while it works, so the pool may be smaller than the number of threads."""
    with pool.connection() as conn:  # leaving the block commits, and gives the connection back
        work(conn)


def run(path):
    document = read_config(path)
    session = section(document, "sync_settings")

    def configure(conn):
        for name, value in session.items():
            conn.execute("SELECT set_config(%s, %s, false)", (name, value))
        conn.commit()

    arguments = connect_arguments(document)
    with psycopg.connect(**arguments) as conn:  # what is wrong is told here, once, and not by each attempt of the pool
        configure(conn)
    with ConnectionPool(
        kwargs=arguments, configure=configure, **pool_arguments(document, "pool_settings", ConnectionPool)
    ) as pool:
        with ThreadPoolExecutor(THREADS) as threads:
            for future in [threads.submit(borrow_and_work, pool) for _ in range(THREADS)]:
                future.result()


def main():
    path = sys.argv[1] if len(sys.argv) > 1 else CONFIG_FILE
    try:
        run(path)
    except (OSError, ValueError, yaml.YAMLError, psycopg.Error, PoolTimeout, TooManyRequests) as error:
        sys.exit(f"{path}: {error}")


if __name__ == "__main__":
    main()
