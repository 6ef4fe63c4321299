"""The shipped configuration, end to end: encrypted on both sides, and each side knows the other.

Every refusal has a control that weakens the configuration and shows that the attempt would succeed.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import psycopg
import pytest
from psycopg import Connection
from psycopg.rows import namedtuple_row

from tests.fix_database import wait_until
from tests.fix_postgres import Server
from tests.fix_sale import open_sale, reserve, violations
from tests.security.shipped import (
    OPS,
    Authority,
    Place,
    Pooler,
    install,
    shipped_pgbouncer,
)

Refused = psycopg.OperationalError


def connect(dsn: str) -> Connection[Any]:
    """An autocommit connection with named rows, as of the Python client."""
    return psycopg.connect(dsn, autocommit=True, prepare_threshold=None, row_factory=namedtuple_row)


def console(dsn: str) -> psycopg.Connection[Any]:
    """The console knows the simple protocol only."""
    return psycopg.connect(
        dsn,
        autocommit=True,
        prepare_threshold=None,
        cursor_factory=psycopg.ClientCursor,
        row_factory=namedtuple_row,
    )


def test_a_sale_over_tls_on_both_sides(pooler: Pooler) -> None:
    with connect(pooler.dsn("seckill_operator")) as operator:
        sale = open_sale(operator, units=3, limit=1)
    with connect(pooler.dsn("seckill_buyer")) as buyer:
        assert reserve(buyer, sale).status == "held"
        used = buyer.execute(
            "select ssl, version from pg_stat_ssl where pid = pg_backend_pid()"
        ).fetchone()
        with console(pooler.console()) as admin:
            clients = admin.execute("show clients").fetchall()
            servers = admin.execute("show servers").fetchall()
    with connect(pooler.dsn("seckill_reader")) as reader:
        assert violations(reader, sale) == []
    assert used is not None
    assert used.ssl
    assert used.version in {"TLSv1.2", "TLSv1.3"}
    over_tcp = [row for row in clients if row.database == "seckill"]
    assert over_tcp
    assert all(row.tls.startswith(("TLSv1.2", "TLSv1.3")) for row in [*over_tcp, *servers])
    # The auth_query's own connection too.
    assert {row.user for row in servers} >= {"seckill_pooler", "seckill_buyer"}


# -- the client's side ----------------------------------------------------------------------------


def test_a_client_without_tls_is_refused(pooler: Pooler) -> None:
    with pytest.raises(Refused, match="SSL required"):
        connect(pooler.dsn("seckill_buyer", sslmode="disable"))


def test_control_a_pooler_that_does_not_require_it_lets_it_in(place: Place) -> None:
    weaker = {"client_tls_sslmode = require": "client_tls_sslmode = allow", "hostssl": "host"}
    with shipped_pgbouncer(place, edits=weaker) as weak:
        connect(weak.dsn("seckill_buyer", sslmode="disable")).close()


def test_a_client_knows_the_pooler(pooler: Pooler, tmp_path: Path) -> None:
    """`verify-full` checks who signed the certificate, and the name in it."""
    stranger = Authority.make(tmp_path / "stranger")
    with pytest.raises(Refused, match="certificate verify failed"):
        connect(pooler.dsn("seckill_buyer", sslrootcert=stranger.root))
    with pytest.raises(Refused, match="does not match host name"):
        connect(pooler.dsn("seckill_buyer", host="pooler.example", hostaddr="127.0.0.1"))


# -- between PgBouncer and PostgreSQL -------------------------------------------------------------


def cannot_reach(pooler: Pooler, reason: str) -> None:
    """A client gets nothing, and PgBouncer's log has the reason."""
    with pytest.raises(Refused):
        connect(pooler.dsn("seckill_buyer", connect_timeout=2))
    wait_until(lambda: reason in pooler.log(), f"{reason!r} in PgBouncer's log")


def test_pgbouncer_does_not_log_in_to_a_server_of_another_authority(
    place: Place, tmp_path: Path
) -> None:
    stranger = Authority.make(tmp_path / "stranger")
    with shipped_pgbouncer(place, authority=stranger) as pooler:
        cannot_reach(pooler, "certificate verify failed")
    weaker = {"server_tls_sslmode = verify-full": "server_tls_sslmode = require"}
    with shipped_pgbouncer(place, authority=stranger, edits=weaker) as control:
        connect(control.dsn("seckill_buyer")).close()


def test_pgbouncer_does_not_log_in_to_a_server_of_another_name(place: Place) -> None:
    """The right authority, and a certificate that is somebody else's."""
    with shipped_pgbouncer(place, host="localhost") as pooler:
        cannot_reach(pooler, "not present in server certificate")
    weaker = {"server_tls_sslmode = verify-full": "server_tls_sslmode = verify-ca"}
    with shipped_pgbouncer(place, host="localhost", edits=weaker) as control:
        connect(control.dsn("seckill_buyer")).close()


def test_pgbouncer_does_not_log_in_to_a_server_without_tls(place: Place, server: Server) -> None:
    """One in the middle that says it has none gets no password. The embedded server has none."""
    plain = server.postgres.port
    told = {"log_disconnections = 0": "log_disconnections = 1"}
    with shipped_pgbouncer(place, port=plain, edits=told) as pooler:
        cannot_reach(pooler, "server refused SSL")
        assert "authentication failed" not in pooler.log()
    weaker = {"server_tls_sslmode = verify-full": "server_tls_sslmode = prefer"}
    with shipped_pgbouncer(place, port=plain, edits=weaker) as control:
        # It begins to log in (the server has no such role).
        cannot_reach(control, "authentication failed")


@pytest.mark.parametrize("sslmode", ["disable", "require"])
@pytest.mark.parametrize("user", ["postgres", "seckill_admin"])
def test_who_rules_does_not_come_over_the_network(place: Place, user: str, sslmode: str) -> None:
    with pytest.raises(Refused, match=r"pg_hba\.conf rejects"):
        connect(place.direct(user, sslmode=sslmode))


def test_who_migrates_comes_by_the_socket(place: Place) -> None:
    """Also the control of the test above: its password is right."""
    socket = str(place.postgres.socket_dir)
    connect(place.direct("seckill_admin", host=socket)).close()
    with pytest.raises(Refused, match=r"pg_hba\.conf rejects"):
        connect(place.direct("seckill_buyer", host=socket))
    # `peer`: the password does not count, the operating system's user does.
    with pytest.raises(Refused, match="Peer authentication failed"):
        connect(place.direct("postgres", host=socket))


def test_a_direct_connection_takes_tls_and_the_password(place: Place) -> None:
    """PgBouncer's address is let in, encrypted; nothing else is."""
    with pytest.raises(Refused, match="no encryption"):
        connect(place.direct("seckill_buyer", sslmode="disable"))
    with pytest.raises(Refused, match="password authentication failed"):
        connect(place.direct("seckill_buyer", sslmode="require", password="guess"))
    with pytest.raises(Refused, match=r"pg_hba\.conf rejects"):
        connect(place.direct("seckill_buyer", sslmode="require", dbname="postgres"))
    known = place.authority.root
    connect(place.direct("seckill_buyer", sslmode="verify-full", sslrootcert=known)).close()


# -- the files ------------------------------------------------------------------------------------


def settings_of(text: str) -> Mapping[str, str]:
    """`name = value` lines without comments and quotes."""
    pairs = (line.split("#")[0].split("=", 1) for line in text.splitlines())
    return {
        name.strip(): value.strip().strip("'")
        for name, value in (pair for pair in pairs if len(pair) == 2)
    }


def test_postgresql_runs_with_what_the_file_says(place: Place) -> None:
    """Each line is one that PostgreSQL 15 knows, and is in force."""
    local = {"listen_addresses", "ssl_cert_file", "ssl_key_file"}
    wanted = settings_of((OPS / "postgresql" / "seckill.conf").read_text())
    assert local < set(wanted)
    with connect(place.superuser) as admin:
        for query in (
            "select * from pg_file_settings where error is not null and"
            " sourcefile ~ 'seckill.conf' and name <> 'listen_addresses'",
            "select * from pg_hba_file_rules where error is not null",
        ):
            assert admin.execute(query).fetchall() == []
        for name, value in wanted.items():
            if name not in local:
                row = admin.execute("select current_setting(%s)", [name]).fetchone()
                assert row is not None
                assert row[0] == value, name


def test_pgbouncer_runs_with_what_the_file_says(pooler: Pooler) -> None:
    text = (OPS / "pgbouncer" / "pgbouncer.ini").read_text().split("[pgbouncer]")[1]
    wanted = {name: value for name, value in settings_of(text).items() if not name.startswith(";")}
    with console(pooler.console()) as admin:
        found = {row.key: row.value for row in admin.execute("show config")}
    local = ("/etc/", "/var/run/", "*")
    for name, value in wanted.items():
        if not value.startswith(local) and name != "listen_port":
            assert found[name] == value, name


def test_a_new_certificate_takes_a_reload(place: Place, tmp_path: Path) -> None:
    """As ops/pgbouncer/README.md says: connections that are open go on."""
    renewed = Authority.make(tmp_path / "renewed")
    with (
        shipped_pgbouncer(place) as pooler,
        connect(pooler.dsn("seckill_buyer")) as buyer,
        console(pooler.console()) as admin,
    ):
        for new, installed in zip(
            renewed.issue("pooler", "IP:127.0.0.1"), ("server.crt", "server.key"), strict=True
        ):
            install(new, pooler.scratch / installed)
        connect(pooler.dsn("seckill_buyer")).close()
        admin.execute("reload")
        assert buyer.execute("select 1").fetchone() == (1,)
        connect(pooler.dsn("seckill_buyer", sslrootcert=renewed.root)).close()
        with pytest.raises(Refused, match="certificate verify failed"):
            connect(pooler.dsn("seckill_buyer"))
