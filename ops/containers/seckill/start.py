#!/opt/seckill/bin/python
"""Become a command of seckill, with the connections that this container has secrets for.

`migrate` also makes the login roles and gives each the password of its secret, so that a new one is
there after the next `migrate`. All other words are `seckill`'s own.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from urllib.parse import quote

import psycopg
from psycopg import sql
from psycopg.conninfo import make_conninfo

from seckill.runtime.provision import LOGINS, create_logins

SECRETS = Path("/run/secrets")
# PgBouncer's console is on its socket, PostgreSQL's owner comes in by PostgreSQL's only.
POOLER_SOCKET = "/run/pgbouncer"
SERVER_SOCKET = "/run/postgresql"


def secret(name: str) -> str | None:
    """The content of a secret, None where this container was not given it."""
    path = SECRETS / name
    return path.read_text(encoding="utf-8").rstrip("\n") if path.exists() else None


def connections() -> dict[str, str]:
    """The environment of a command: a connection for each secret that is there."""
    found: dict[str, str] = {}
    if (password := secret("operator_password")) is not None:
        found["SECKILL_DSN"] = make_conninfo(
            host="pgbouncer",
            port=6432,
            dbname="seckill",
            user="seckill_operator",
            password=password,
            sslmode="verify-full",
            sslrootcert=str(SECRETS / "root.crt"),
        )
    if (password := secret("admin_password")) is not None:
        found["SECKILL_ADMIN_DSN"] = make_conninfo(
            host=SERVER_SOCKET, dbname="seckill", user="seckill_admin", password=password
        )
    if (password := secret("console_password")) is not None:
        found["SECKILL_CONSOLE_DSN"] = make_conninfo(
            host=POOLER_SOCKET,
            port=6432,
            dbname="pgbouncer",
            user="pgbouncer_console",
            password=password,
        )
    if (password := secret("valkey_password")) is not None:
        found["SECKILL_REDIS_URL"] = f"redis://seckill:{quote(password, safe='')}@valkey:6379/0"
    return found


def give_logins(admin_dsn: str) -> None:
    """Make the roles that log in, where they are missing, and set their passwords."""
    passwords = {login: secret(f"{login.removeprefix('seckill_')}_password") for login in LOGINS}
    known = {login: password for login, password in passwords.items() if password}
    if known.keys() != LOGINS.keys():
        sys.exit(f"start: no password for {', '.join(sorted(LOGINS.keys() - known.keys()))}")
    create_logins(admin_dsn, known)
    with psycopg.connect(admin_dsn) as connection:
        for login, password in known.items():
            change = sql.SQL("alter role {} password {}")
            connection.execute(change.format(sql.Identifier(login), sql.Literal(password)))


def main(words: list[str]) -> None:
    """Run the command."""
    os.environ.update(connections())
    if words[:1] == ["migrate"]:
        done = subprocess.run(["seckill", *words], check=False)
        if done.returncode == 0 and "--down" not in words:
            give_logins(os.environ["SECKILL_ADMIN_DSN"])
        sys.exit(done.returncode)
    os.execvp("seckill", ["seckill", *words])


if __name__ == "__main__":
    main(sys.argv[1:])
