"""The stack of ops/compose.yaml as it stands: `./seckill test --containers`.

What the files promise (test_compose.py) is asked of the running containers here, and what they are
for: sales, over the shipped configuration, also across restarts.
"""

from __future__ import annotations

import json
import re
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any
from uuid import UUID, uuid4

import psycopg
import pytest

from seckill import Client, OutcomeUnknown, RetryPolicy, Unavailable
from tests.containers.stack import ACCOUNTS, ROOT, SERVERS, Stack, StackError
from tests.fix_database import wait_until
from tests.fix_sale import (
    Sale,
    availability,
    cancel,
    confirm,
    one,
    open_sale,
    reserve,
    violations,
)

PASSWORDS = ("admin", "pooler", "console", "buyer", "operator", "reader", "valkey")
Refused = psycopg.OperationalError
# Places that may be written, beside those that the kernel makes: volumes, and tmpfs with a bound.
WRITABLE = {
    "postgres": {"/var/lib/postgresql", "/run/postgresql", "/run/seckill", "/tmp"},
    "pgbouncer": {"/run/postgresql", "/run/seckill"},
    "valkey": {"/run/seckill"},
    "worker": {"/run/seckill", "/tmp"},
}
OF_THE_KERNEL = re.compile(r"/(proc|sys|dev)(/|$)")


@pytest.fixture
def sale(stack: Stack) -> Sale:
    """A hundred units, at most two a buyer."""
    with stack.connect("operator") as operator:
        return open_sale(operator, units=100, limit=2, sku=f"phone-{uuid4().hex[:8]}")


# -- hardened


@pytest.mark.parametrize("service", [*SERVERS, "migrate"])
def test_the_engine_gives_it_no_more_than_it_needs(stack: Stack, service: str) -> None:
    found = stack.inspect(service)
    config, host = found["Config"], found["HostConfig"]
    assert config["User"] not in {"", "0", "root"}
    assert host["ReadonlyRootfs"] is True
    assert host["CapDrop"] == ["ALL"]
    assert not host["CapAdd"]
    assert not host["Privileged"]
    assert host["SecurityOpt"] == ["no-new-privileges:true"]
    assert host["PidsLimit"] == 512
    assert host["Memory"] > 0
    assert "host" not in {host["NetworkMode"], host["PidMode"], host["IpcMode"], host["UTSMode"]}
    assert not host["Devices"]
    bound = [mount for mount in found["Mounts"] if mount["Type"] == "bind"]
    assert bound
    assert all(mount["Destination"].startswith("/run/secrets/") for mount in bound)
    assert not [mount for mount in bound if mount["RW"]]


@pytest.mark.parametrize("service", SERVERS)
def test_each_process_is_nobody_special(stack: Stack, service: str) -> None:
    said = stack.inside(service, "sh", "-c", "cat /proc/[0-9]*/status")
    fields: dict[str, set[str]] = {}
    for line in said.splitlines():
        name, _, value = line.partition(":")
        fields.setdefault(name, set()).add(" ".join(value.split()))
    number = str(ACCOUNTS[service])
    assert fields["Uid"] == fields["Gid"] == {" ".join([number] * 4)}
    for kind in ("CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb"):
        assert {int(value, 16) for value in fields[kind]} == {0}, kind
    assert fields["NoNewPrivs"] == {"1"}
    assert fields["Seccomp"] == {"2"}


@pytest.mark.parametrize("service", SERVERS)
def test_nothing_can_be_written_but_what_is_listed(stack: Stack, service: str) -> None:
    with pytest.raises(StackError, match="Read-only file system"):
        stack.inside(service, "touch", "/var/tmp/here")  # where everybody may, else
    mounts = [line.split() for line in stack.inside(service, "cat", "/proc/mounts").splitlines()]
    writable = {place for _, place, _, options, *_ in mounts if "rw" in options.split(",")}
    assert {place for place in writable if not OF_THE_KERNEL.match(place)} == WRITABLE[service]


@pytest.mark.parametrize("service", [*SERVERS, "migrate"])
def test_secrets_are_files_and_nowhere_else(stack: Stack, service: str) -> None:
    values = [stack.secret(f"{name}_password") for name in PASSWORDS]
    values.append("".join(stack.secret("postgres.key").splitlines()[1:-1])[:40])
    values.append("".join(stack.secret("pgbouncer.key").splitlines()[1:-1])[:40])
    found = stack.inspect(service)
    history = stack.docker("history", "--no-trunc", "--format", "{{json .}}", found["Image"])
    told = {
        "inspect": json.dumps(found),
        "image": stack.docker("inspect", found["Image"]) + history,
        "log": stack.logs(service),
    }
    if service != "migrate":
        told["command lines"] = stack.inside(service, "sh", "-c", "cat /proc/[0-9]*/cmdline")
        told["environment"] = stack.inside(service, "env")
        # Secrets that it has no business with.
        given = stack.inside(service, "ls", "/run/secrets").split()
        mounted = {mount["Destination"] for mount in found["Mounts"] if mount["Type"] == "bind"}
        assert {f"/run/secrets/{name}" for name in given} == mounted
    for place, text in told.items():
        assert not [value for value in values if value in text], place


def test_images_are_of_this_run_and_of_ours(stack: Stack) -> None:
    for service in (*SERVERS, "migrate"):
        assert stack.inspect(service)["Config"]["Image"].endswith(f":{stack.project}")


# -- healthy


def test_all_are_healthy_and_the_migrations_have_ended(stack: Stack) -> None:
    for service in SERVERS:
        assert stack.healthy(service), service
        assert stack.inspect(service)["RestartCount"] == 0, stack.logs(service)
    migrated = stack.inspect("migrate")
    assert (migrated["State"]["Status"], migrated["State"]["ExitCode"]) == ("exited", 0)
    assert migrated["HostConfig"]["NetworkMode"] == "none"
    with stack.connect("reader") as reader:
        assert one(reader, "select seckill.schema_version() as version").version
    # It may be repeated.
    stack.compose("run", "--rm", "--no-TTY", "--no-deps", "migrate")


def test_doctor_finds_nothing_wrong(stack: Stack) -> None:
    said = stack.compose("run", "--rm", "--no-TTY", "--no-deps", "tools", "doctor")
    lines = [line for line in said.splitlines() if re.match(r"(ok|fail|warn|skip) ", line)]
    assert not [line for line in lines if line.startswith(("fail", "warn"))], said
    for check in ("drift", "grants", "pooler's console", "same database"):
        assert [line for line in lines if line.startswith("ok") and check in line], said


def test_a_health_check_sees_what_hangs(stack: Stack) -> None:
    """Stopped as by SIGSTOP they still run, and answer nobody."""
    hung = ("postgres", "pgbouncer", "valkey")
    ids = [stack.container(service) for service in hung]
    stack.docker("kill", "--signal", "STOP", *ids)
    try:
        for service in hung:
            wait_until(
                lambda service=service: (
                    stack.inspect(service)["State"]["Health"]["Status"] == "unhealthy"
                ),
                f"{service} to be seen as unhealthy",
                90,
            )
    finally:
        stack.docker("kill", "--signal", "CONT", *ids)
    for service in hung:
        wait_until(lambda service=service: stack.healthy(service), f"{service} healthy again", 60)


def test_the_workers_health_check_sees_that_it_stands_still(stack: Stack) -> None:
    check = stack.inspect("worker")["Config"]["Healthcheck"]["Test"]
    assert check[0] == "CMD-SHELL"
    stack.inside("worker", "sh", "-c", check[1])
    identity = stack.container("worker")
    stack.docker("kill", "--signal", "STOP", identity)
    try:
        stack.inside("worker", "touch", "--date=-5 minutes", "/run/seckill/alive")
        with pytest.raises(StackError):
            stack.inside("worker", "sh", "-c", check[1])
    finally:
        stack.docker("kill", "--signal", "CONT", identity)
    wait_until(lambda: _succeeds(lambda: stack.inside("worker", "sh", "-c", check[1])), "a round")


def _succeeds(call: Callable[[], object]) -> bool:
    try:
        call()
    except StackError:
        return False
    return True


# -- who comes in, and how


def test_a_client_comes_over_tls_and_so_does_the_pooler(stack: Stack, sale: Sale) -> None:
    with stack.connect("buyer") as buyer:
        assert buyer.pgconn.ssl_in_use
        assert reserve(buyer, sale).status == "held"
        inner = one(buyer, "select ssl, version from pg_stat_ssl where pid = pg_backend_pid()")
    assert inner.ssl
    assert inner.version in {"TLSv1.2", "TLSv1.3"}


def test_who_must_not_come_in(stack: Stack, tmp_path: Any) -> None:
    stack.connect("buyer").close()
    with pytest.raises(Refused, match="SSL required"):
        psycopg.connect(stack.dsn("buyer", sslmode="disable"))
    with pytest.raises(Refused, match="authentication failed"):
        psycopg.connect(stack.dsn("buyer", password="another"))
    other = tmp_path / "root.crt"
    other.write_text(stack.secret("postgres.crt") + "\n", encoding="utf-8")
    with pytest.raises(Refused, match="certificate verify failed"):
        psycopg.connect(stack.dsn("buyer", sslrootcert=str(other)))
    for login, password in (
        ("seckill_admin", "admin_password"),
        ("seckill_pooler", "pooler_password"),
        ("pgbouncer_console", "console_password"),
        ("postgres", "admin_password"),
    ):
        with pytest.raises(Refused):
            psycopg.connect(stack.dsn(user=login, password=stack.secret(password)))


def test_the_console_is_on_the_socket_only(stack: Stack) -> None:
    assert "PgBouncer" in stack.console("show version")
    with pytest.raises(Refused):
        psycopg.connect(
            stack.dsn(
                dbname="pgbouncer",
                user="pgbouncer_console",
                password=stack.secret("console_password"),
            ),
            autocommit=True,
            prepare_threshold=None,
        )


def test_postgresql_lets_in_pgbouncer_and_nobody_else(stack: Stack) -> None:
    assert not any(stack.inspect("postgres")["NetworkSettings"]["Ports"].values())
    networks = stack.inspect("postgres")["NetworkSettings"]["Networks"]
    assert list(networks) == [f"{stack.project}_database"]
    assert json.loads(stack.docker("network", "inspect", *networks))[0]["Internal"] is True
    # From PgBouncer's own address: without TLS, and as those who have no business there.
    for user, mode in (
        ("seckill_buyer", "disable"),
        ("seckill_admin", "require"),
        ("postgres", "require"),
    ):
        words = f"host=postgres dbname=seckill user={user} sslmode={mode} connect_timeout=5"
        with pytest.raises(StackError, match=r"pg_hba\.conf rejects|no pg_hba\.conf entry"):
            stack.inside(
                *("pgbouncer", "/usr/lib/postgresql/17/bin/psql", "--no-password", words),
                *("--command", "select 1"),
            )
    with stack.connect("superuser") as superuser:
        rules = superuser.execute("select distinct auth_method as how from pg_hba_file_rules")
        assert {row.how for row in rules} == {"peer", "scram-sha-256", "reject"}
        logins = superuser.execute(
            "select rolname, rolpassword from pg_authid where rolcanlogin and rolpassword <> ''"
        ).fetchall()
    assert len(logins) == 5
    assert all(row.rolpassword.startswith("SCRAM-SHA-256$") for row in logins)


def test_a_new_password_is_there_after_the_next_migrate(stack: Stack) -> None:
    path = stack.secrets / "buyer_password"
    old = stack.dsn("buyer")
    path.chmod(0o644)
    path.write_text(f'a "new" one\'s {uuid4()}\n', encoding="utf-8")
    stack.compose("run", "--rm", "--no-TTY", "--no-deps", "migrate")
    stack.connect("buyer").close()
    with pytest.raises(Refused):
        psycopg.connect(old)


def test_valkeys_login_is_about_flags_only(stack: Stack) -> None:
    import redis
    from redis.exceptions import NoPermissionError

    stranger = redis.Redis(port=stack.valkey_port)
    with pytest.raises(redis.AuthenticationError):
        stranger.ping()
    flags = redis.Redis.from_url(stack.redis_url)
    assert flags.set("seckill:soldout:test", "1", px=100)
    for forbidden in (
        lambda: flags.set("other", "1"),
        flags.flushall,
        lambda: flags.config_get("*"),
        lambda: flags.execute_command("SAVE"),
    ):
        with pytest.raises(NoPermissionError):
            forbidden()
    stranger.close()
    flags.close()


# -- prepared statements


def test_pgbouncer_is_new_enough(stack: Stack) -> None:
    found = re.search(r"PgBouncer (\d+)\.(\d+)", stack.console("show version"))
    assert found
    assert (int(found[1]), int(found[2])) >= (1, 22)
    # As the Dockerfile sets it, whatever PgBouncer's default is.
    settings = dict(line.split("|")[:2] for line in stack.console("show config").splitlines())
    assert settings["max_prepared_statements"] == "200"


def test_prepared_statements_follow_the_client_from_server_to_server(
    stack: Stack, sale: Sale
) -> None:
    """Many clients on few servers: each statement meets servers that do not know it."""
    seen: set[int] = set()
    names: set[str] = set()

    def client(_: int) -> None:
        with stack.connect("buyer") as buyer:
            for number in range(60):
                seen.add(buyer.execute("select pg_backend_pid()").fetchone()[0])  # type: ignore[index]
                assert availability(buyer, sale).status == "on_sale"
                row = one(buyer, "select %(number)s::integer as number", number=number)
                assert row.number == number
            rows = buyer.execute("select name from pg_prepared_statements").fetchall()
            names.update(row.name for row in rows)

    with ThreadPoolExecutor(16) as threads:
        list(threads.map(client, range(16)))
    assert 1 < len(seen) <= 8, "the pool of the shipped configuration"
    assert names
    assert all(name.startswith("PGBOUNCER_") for name in names)


# -- what it is for


@pytest.fixture
def shop(stack: Stack) -> Iterator[Client]:
    """A shop's client: the flag, and statements that it prepares."""
    with Client(stack.dsn("buyer"), flag=stack.redis_url, prepare_threshold=0) as client:
        yield client


def test_a_purchase_from_end_to_end(stack: Stack, shop: Client) -> None:
    with stack.connect("operator") as operator, stack.connect("reader") as reader:
        sale = open_sale(operator, units=2, limit=1, sku=f"end-{uuid4().hex[:8]}")
        what: dict[str, Any] = {"activity_id": sale.activity_id, "sku": sale.sku, "quantity": 1}
        request = uuid4()
        ann = shop.reserve(user_id="ann", request_id=request, **what)
        again = shop.reserve(user_id="ann", request_id=request, **what)
        assert (ann.status, again.status, again.replayed) == ("held", "held", True)
        assert shop.reserve(user_id="ann", **what).status == "limit_exceeded"
        assert ann.reservation_id is not None
        paid = shop.confirm(user_id="ann", reservation_id=ann.reservation_id, payment_ref="p-1")
        assert paid.status == "confirmed"
        bob = shop.reserve_now(user_id="bob", request_id=uuid4(), **what)
        assert (bob.status, availability(reader, sale).status) == ("held", "sold_out")
        # Sold out, and the flag says so; what comes back is sold again, since the worker lowers it.
        assert shop.reserve(user_id="cid", **what).status == "sold_out"
        assert bob.reservation_id is not None
        assert cancel(operator, bob.reservation_id, user="bob").status == "cancelled"
        wait_until(lambda: shop.reserve(user_id="cid", **what).status == "held", "cid's purchase")
        assert violations(reader, sale) == []


def test_the_worker_sweeps_and_relays(stack: Stack) -> None:
    with stack.connect("operator") as operator, stack.connect("reader") as reader:
        sale = open_sale(operator, units=1, hold_seconds=1, sku=f"swept-{uuid4().hex[:8]}")
        held = reserve(operator, sale)
        assert held.status == "held"

        def kinds() -> list[str]:
            rows = reader.execute(
                "select kind from seckill.history(p_activity_id => %s)", [sale.activity_id]
            )
            return [row.kind for row in rows]

        # Nobody calls: it is the worker that writes this line.
        wait_until(lambda: "expire" in kinds(), "the worker's sweep")
        assert violations(reader, sale) == []

    def reported() -> bool:
        reports = [
            json.loads(line)
            for line in stack.logs("worker").splitlines()
            if line.startswith("{") and '"report"' in line
        ]
        return any(report["swept"] > 0 and report["relayed"] > 0 for report in reports)

    wait_until(reported, "the worker's report", 60)


# -- tidying up

INTERRUPTED = """
from tests.containers.stack import started
with started() as stack:
    print("up", flush=True)
"""


def of_other_runs(stack: Stack) -> dict[str, set[str]]:
    """Containers, volumes, networks and images that runs of the tests have made, but for ours."""
    lists = {
        "containers": ("ps", "--all", "--format", "{{.Names}}"),
        "volumes": ("volume", "ls", "--format", "{{.Name}}"),
        "networks": ("network", "ls", "--format", "{{.Name}}"),
        "images": ("images", "--format", "{{.Repository}}:{{.Tag}}"),
    }
    return {
        kind: {
            name
            for name in stack.docker(*words).split()
            if "seckill-test-" in name and stack.project not in name
        }
        for kind, words in lists.items()
    }


def test_an_interrupted_run_leaves_nothing_behind(stack: Stack) -> None:
    """Ctrl-C at the worst moment: while Compose is making containers."""
    before = of_other_runs(stack)
    run = subprocess.Popen(
        [sys.executable, "-c", INTERRUPTED], cwd=ROOT, stdout=subprocess.PIPE, text=True
    )
    try:
        wait_until(lambda: of_other_runs(stack)["containers"] != before["containers"], "it", 240)
    finally:
        run.send_signal(signal.SIGINT)
        said, _ = run.communicate(timeout=120)
    assert said == "", "it was interrupted too late to show anything"
    assert run.returncode != 0
    assert of_other_runs(stack) == before


# -- restarts


class Crowd:
    """Buyers who go on, whatever happens, and note what they were told."""

    def __init__(self, stack: Stack, sale: Sale) -> None:
        self.told: dict[UUID, int] = {}
        self.refused: set[UUID] = set()
        self.open: set[UUID] = set()
        self._stack, self._sale = stack, sale
        self._done = threading.Event()
        self._threads = [threading.Thread(target=self._buy, args=(n,)) for n in range(4)]

    def __enter__(self) -> Crowd:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._done.set()
        for thread in self._threads:
            thread.join()

    def wait_for_more(self) -> None:
        """Until somebody has bought who had not when this was called."""
        before = len(self.told)
        wait_until(lambda: len(self.told) >= before + 8, "purchases to go on", 90)

    def _buy(self, number: int) -> None:
        policy = RetryPolicy(deadline_ms=3_000)
        count = 0
        with Client(self._stack.dsn("buyer"), prepare_threshold=0, retry=policy) as client:
            while not self._done.is_set():
                count += 1
                user, request = f"buyer {number} {count}", uuid4()
                self.open.add(request)
                while True:  # one request id, until it is settled
                    try:
                        answer = client.reserve(
                            activity_id=self._sale.activity_id,
                            user_id=user,
                            sku=self._sale.sku,
                            quantity=1,
                            request_id=request,
                        )
                    except (OutcomeUnknown, Unavailable):
                        if self._done.wait(0.2):
                            return
                        continue
                    self.open.discard(request)
                    if answer.status == "held" and answer.reservation_id is not None:
                        self.told[request] = answer.reservation_id
                    else:
                        self.refused.add(request)
                    break
                time.sleep(0.05)  # all must fit into one call of history


def test_restarts_lose_nothing(stack: Stack) -> None:
    with stack.connect("operator") as operator:
        sale = open_sale(operator, units=100_000, sku=f"restarts-{uuid4().hex[:8]}")
    with Crowd(stack, sale) as crowd:
        crowd.wait_for_more()
        stack.compose("restart", "pgbouncer")
        crowd.wait_for_more()
        stack.compose("restart", "postgres")
        crowd.wait_for_more()
        for service in ("pgbouncer", "postgres"):
            # A crash: no farewell, and no clean state on the disk.
            stack.compose("kill", "--signal", "KILL", service)
            stack.compose("start", service)
            crowd.wait_for_more()
    with stack.connect("superuser") as superuser, stack.connect("reader") as reader:
        kept = superuser.execute(
            "select reservation_id from seckill.history("
            " p_activity_id => %s, p_limit => 10000) where kind = 'hold'",
            [sale.activity_id],
        ).fetchall()
        pool = availability(reader, sale)
        assert violations(reader, sale) == []
    ids = [row.reservation_id for row in kept]
    assert len(ids) == len(set(ids)) == pool.held
    lost = set(crowd.told.values()) - set(ids)
    assert not lost, f"{len(lost)} of {len(crowd.told)} acknowledged"
    assert len(set(crowd.told.values())) == len(crowd.told), "one reservation for two requests"
    # Who was cut off at the end may have bought, or not.
    assert len(ids) - len(crowd.told) <= len(crowd.open)
    assert not crowd.refused
    for service in SERVERS:
        wait_until(lambda service=service: stack.healthy(service), f"{service} healthy", 60)


def test_the_end_is_clean_and_so_is_the_next_start(stack: Stack, sale: Sale) -> None:
    with stack.connect("buyer") as buyer:
        held = reserve(buyer, sale)
    began = time.monotonic()
    stack.compose("stop", *reversed(SERVERS))
    assert time.monotonic() - began < 60
    for service in SERVERS:
        state = stack.inspect(service)["State"]
        assert (state["Status"], state["ExitCode"]) == ("exited", 0), (service, state)
        assert not state["OOMKilled"]
    assert "database system is shut down" in stack.logs("postgres").splitlines()[-1]
    assert '"event": "stopped"' in stack.logs("worker").splitlines()[-1]
    stack.up()
    with stack.connect("buyer") as buyer, stack.connect("reader") as reader:
        assert confirm(buyer, held.reservation_id).status == "confirmed"
        assert violations(reader, sale) == []
    assert "was not properly shut down" not in stack.logs("postgres").split("is shut down")[-1]
