"""What ops/compose.yaml and the Dockerfiles promise, read from the files: no engine is needed.

test_stack.py asks the running containers the same, where there are any.
"""

from __future__ import annotations

import copy
import os
import re
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.containers.stack import ACCOUNTS, ROOT, SHIPPED

CONTAINERS = ROOT / "ops" / "containers"
Compose = dict[str, Any]
# Who is given which secret. Any other is one too many.
SECRETS = {
    "postgres": {"admin_password", "pooler_password", "postgres_crt", "postgres_key"},
    "migrate": {"admin_password", "buyer_password", "operator_password", "reader_password"},
    "pgbouncer": {
        *("pooler_password", "console_password", "root.crt", "pgbouncer_crt", "pgbouncer_key"),
    },
    "valkey": {"valkey_password"},
    "worker": {"operator_password", "valkey_password", "root.crt"},
    "tools": {
        *("admin_password", "console_password", "operator_password", "valkey_password"),
        "root.crt",
    },
}
# What a Dockerfile of each service ends as.
IMAGES = {
    "postgres": ("postgresql", "postgres", 10432),
    "pgbouncer": ("pgbouncer", "pgbouncer", 10643),
    "valkey": ("valkey", "valkey", 10637),
    "migrate": ("seckill", "seckill", 10532),
    "worker": ("seckill", "seckill", 10532),
    "tools": ("seckill", "seckill", 10532),
}
ENDS_BY_ITSELF = {"migrate", "tools"}


@pytest.fixture(scope="module")
def shipped() -> Compose:
    """The file, with what its anchors share written out."""
    return yaml.safe_load(SHIPPED.read_text(encoding="utf-8"))


def mistakes(compose: Compose) -> Iterator[str]:
    """Each promise that a file breaks, in words."""
    services: dict[str, Any] = compose["services"]
    if services.keys() != SECRETS.keys():
        yield "services"
    for name, service in services.items():
        for wrong in (*hardening(service), *health(name, service), *reach(name, service)):
            yield f"{name}: {wrong}"
        given = [s if isinstance(s, str) else s["source"] for s in service.get("secrets", [])]
        if set(given) != SECRETS.get(name):
            yield f"{name}: secrets"
        image, _, _ = IMAGES[name]
        if service.get("image") != f"seckill/{image}:${{SECKILL_TAG:-0.1.0}}":
            yield f"{name}: image"
        if service.get("build", {}).get("dockerfile") != f"ops/containers/{image}/Dockerfile":
            yield f"{name}: not built from a file of ours"
    for name, secret in compose["secrets"].items():
        place = secret.get("file", "")
        if len(secret) != 1 or not place.startswith("${SECKILL_SECRETS:-./secrets}/"):
            yield f"secret {name}: not a file"
    if compose["networks"]["database"].get("internal") is not True:
        yield "the database's network leads out"


def hardening(service: Compose) -> Iterator[str]:
    """What the kernel lets a service do."""
    if service.get("read_only") is not True:
        yield "its root can be written"
    if service.get("cap_drop") != ["ALL"] or "cap_add" in service:
        yield "capabilities"
    if service.get("security_opt") != ["no-new-privileges:true"]:
        yield "it may gain privileges"
    if service.keys() & {"privileged", "user", "devices", "pid", "ipc", "userns_mode"}:
        yield "it is given more"
    if not service.get("pids_limit") or not service.get("mem_limit"):
        yield "no limit"
    if service.get("logging", {}).get("options", {}).keys() != {"max-size", "max-file"}:
        yield "its log has no end"
    for place in service.get("tmpfs", []):
        if not re.search(r":uid=\d+,gid=\d+,mode=0700,size=\d+m$", place):
            yield f"{place} is everybody's, or has no bound"


def health(name: str, service: Compose) -> Iterator[str]:
    """Whether somebody sees that it has failed."""
    check = service.get("healthcheck", {})
    if name in ENDS_BY_ITSELF:
        if service.get("restart") != "no" or check != {"disable": True}:
            yield "it ends by itself"
        return
    if service.get("restart") != "unless-stopped":
        yield "it does not come back"
    if not {"test", "interval", "timeout", "start_period", "retries"} <= check.keys():
        yield "health check"
    for other, needed in service.get("depends_on", {}).items():
        wanted = "service_healthy" if other != "migrate" else "service_completed_successfully"
        if needed.get("condition") != wanted:
            yield f"it does not wait for {other}"


def reach(name: str, service: Compose) -> Iterator[str]:
    """Whom it reaches, and who reaches it."""
    ports = service.get("ports", [])
    if (name in {"pgbouncer", "valkey"}) != bool(ports):
        yield "ports"
    if not all(port.startswith("${SECKILL_ADDRESS:-127.0.0.1}:") for port in ports):
        yield "it listens to everybody"
    if service.get("network_mode") not in {None, "none"}:
        yield "network"
    for volume in service.get("volumes", []):
        if not re.match(r"(data|server_socket|pooler_socket):/", volume):
            yield f"{volume} is of the machine"
    words = service.get("environment", {})
    if [word for word in words if re.search("PASS|SECRET|KEY|DSN", word)]:
        yield "a secret in the environment"


def test_the_file_keeps_its_promises(shipped: Compose) -> None:
    assert list(mistakes(shipped)) == []


# -- each promise broken once


def set_in(service: str, key: str, value: Any) -> Callable[[Compose], None]:
    """Set a key of a service; None takes it away."""

    def change(compose: Compose) -> None:
        compose["services"][service][key] = value
        if value is None:
            del compose["services"][service][key]

    return change


def add_secret(compose: Compose) -> None:
    compose["services"]["worker"]["secrets"].append("admin_password")


def secret_in_environment(compose: Compose) -> None:
    compose["secrets"]["admin_password"] = {"environment": "ADMIN_PASSWORD"}


def open_network(compose: Compose) -> None:
    compose["networks"]["database"]["internal"] = False


def wait_less(compose: Compose) -> None:
    compose["services"]["worker"]["depends_on"]["migrate"]["condition"] = "service_started"


@pytest.mark.parametrize(
    ("change", "seen"),
    [
        (set_in("worker", "read_only", None), "worker: its root can be written"),
        (set_in("postgres", "cap_drop", ["NET_RAW"]), "postgres: capabilities"),
        (set_in("postgres", "cap_add", ["CHOWN"]), "postgres: capabilities"),
        (set_in("valkey", "security_opt", None), "valkey: it may gain privileges"),
        (set_in("valkey", "user", "0"), "valkey: it is given more"),
        (set_in("valkey", "privileged", True), "valkey: it is given more"),
        (set_in("tools", "mem_limit", None), "tools: no limit"),
        (set_in("tools", "pids_limit", None), "tools: no limit"),
        (set_in("valkey", "logging", None), "valkey: its log has no end"),
        (set_in("worker", "tmpfs", ["/tmp"]), "worker: /tmp is everybody's, or has no bound"),
        (set_in("migrate", "restart", "always"), "migrate: it ends by itself"),
        (set_in("worker", "restart", None), "worker: it does not come back"),
        (set_in("pgbouncer", "healthcheck", None), "pgbouncer: health check"),
        (wait_less, "worker: it does not wait for migrate"),
        (set_in("postgres", "ports", ["5432:5432"]), "postgres: it listens to everybody"),
        (set_in("pgbouncer", "ports", ["6432:6432"]), "pgbouncer: it listens to everybody"),
        (set_in("worker", "network_mode", "host"), "worker: network"),
        (
            set_in("worker", "volumes", ["/var/run/docker.sock:/var/run/docker.sock"]),
            "worker: /var/run/docker.sock:/var/run/docker.sock is of the machine",
        ),
        (
            set_in("worker", "environment", {"SECKILL_DSN": "password=…"}),
            "worker: a secret in the environment",
        ),
        (add_secret, "worker: secrets"),
        (secret_in_environment, "secret admin_password: not a file"),
        (open_network, "the database's network leads out"),
        (set_in("valkey", "image", "valkey/valkey:latest"), "valkey: image"),
        (set_in("valkey", "build", None), "valkey: not built from a file of ours"),
    ],
)
def test_a_broken_promise_is_seen(
    shipped: Compose, change: Callable[[Compose], None], seen: str
) -> None:
    broken = copy.deepcopy(shipped)
    change(broken)
    assert seen in list(mistakes(broken))


# -- the Dockerfiles


def instructions(text: str) -> list[list[str]]:
    """The lines of a Dockerfile: the word that begins each, and the rest."""
    lines = re.sub(r"^\s*#.*\n", "", text, flags=re.MULTILINE).replace("\\\n", " ").splitlines()
    return [line.split(maxsplit=1) for line in lines if line.strip()]


@pytest.mark.parametrize("image", sorted({image for image, _, _ in IMAGES.values()}))
def test_an_image_is_small_and_has_an_account_of_its_own(image: str) -> None:
    text = (CONTAINERS / image / "Dockerfile").read_text(encoding="utf-8")
    found = instructions(text)
    account, number = next((a, n) for i, a, n in IMAGES.values() if i == image)
    # A release, and the one that can be chosen; nothing from elsewhere.
    assert ["ARG", "BASE=debian:trixie-slim"] in found
    assert {rest.split(" AS ")[0] for word, rest in found if word == "FROM"} == {"${BASE}"}
    assert [rest for word, rest in found if word == "USER"] == [account]
    assert "HEALTHCHECK" in {word for word, _ in found}
    assert not {"ADD", "EXPOSE"} & {word for word, _ in found}
    # The numbers of the accounts are those of the volumes and of compose.yaml's tmpfs.
    assert f"useradd --system --uid {number}" in text
    for line in (rest for word, rest in found if word == "RUN" and "apt-get install" in rest):
        assert "--no-install-recommends" in line
        assert "rm -rf /var/lib/apt/lists/*" in line
    told = [rest for word, rest in found if word in {"ARG", "ENV"}]
    assert not [rest for rest in told if re.search("PASS|SECRET|KEY|TOKEN", rest)]


def test_accounts_are_the_same_everywhere(shipped: Compose) -> None:
    for name, (_, _, number) in IMAGES.items():
        assert ACCOUNTS.get(name, number) == number
        for place in shipped["services"][name].get("tmpfs", []):
            assert f"uid={number},gid={number}," in place, name


def test_nothing_gets_into_an_image_that_is_not_listed() -> None:
    lines = (ROOT / ".dockerignore").read_text(encoding="utf-8").splitlines()
    rules = [line for line in lines if line and not line.startswith("#")]
    assert rules[0] == "*"
    assert not [rule for rule in rules if re.match(r"!(ops/?|ops/secrets.*|\.git.*|\*.*)$", rule)]
    ignored = (ROOT / ".gitignore").read_text(encoding="utf-8").splitlines()
    assert any("ops/secrets" in line for line in ignored), "secrets could be committed"


def test_what_compose_refers_to_is_there(shipped: Compose) -> None:
    for service in shipped["services"].values():
        assert (ROOT / service["build"]["dockerfile"]).is_file()
    assert (CONTAINERS / "README.md").is_file()
    made = (CONTAINERS / "make-secrets").read_text(encoding="utf-8")
    for secret in shipped["secrets"].values():
        name = Path(secret["file"]).name
        stem = name.removesuffix("_password").split(".")[0]
        assert re.search(rf"\b{stem}\b", made), f"nobody makes {name}"


def test_the_version_is_this_release(shipped: Compose) -> None:
    import seckill

    for service in shipped["services"].values():
        assert f"SECKILL_TAG:-{seckill.__version__}" in service["image"]


# -- make-secrets


@pytest.fixture
def anywhere() -> Iterator[Path]:
    """A directory in which `nobody` may write; pytest's own let nobody in."""
    with tempfile.TemporaryDirectory(prefix="seckill-secrets-") as name:
        Path(name).chmod(0o777)
        yield Path(name)


def test_secrets_are_made_kept_and_renewed(anywhere: Path) -> None:
    """As an ordinary user, who may not write what nobody may write."""
    place = anywhere / "secrets"
    script = (CONTAINERS / "make-secrets").read_text(encoding="utf-8")

    def make(*names: str) -> dict[str, str]:
        subprocess.run(
            ["sh", "-c", script, "make-secrets", str(place), *names],
            cwd="/",
            check=True,
            **({"user": "nobody", "extra_groups": []} if os.geteuid() == 0 else {}),
        )
        return {path.name: path.read_text(encoding="utf-8") for path in place.iterdir()}

    first = make("DNS:pool.shop.example")
    assert place.stat().st_mode & 0o777 == 0o700
    assert {path.stat().st_mode & 0o777 for path in place.iterdir()} == {0o444}
    assert "root.key" not in first, "somebody could issue another certificate"
    said = subprocess.run(
        ["openssl", "x509", "-in", place / "pgbouncer.crt", "-noout", "-text"],
        check=True, capture_output=True, text=True,
    ).stdout  # fmt: skip
    for name in ("DNS:pgbouncer", "DNS:localhost", "IP Address:127.0.0.1", "DNS:pool.shop.example"):
        assert name in said
    passwords = [value for name, value in first.items() if name.endswith("_password")]
    assert len(set(passwords)) == len(passwords) == 7
    assert all(re.fullmatch(r"[0-9a-f]{48}\n", value) for value in passwords)

    assert make() == first, "what is there stays"

    (place / "buyer_password").unlink()
    (place / "root.crt").unlink()
    second = make()
    changed = {name for name in first if second[name] != first[name]}
    assert changed == {
        *("buyer_password", "root.crt"),
        *("postgres.crt", "postgres.key", "pgbouncer.crt", "pgbouncer.key"),
    }
