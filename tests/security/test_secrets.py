"""No password, key or verifier stands in a file of the repository."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
SECRETS = {
    "a private key": re.compile(r"-----BEGIN [A-Z ]*PRIVATE KEY-----\s+[A-Za-z0-9+/]{20}"),
    "a SCRAM verifier": re.compile(r"SCRAM-SHA-256\$\d+:[A-Za-z0-9+/=]{16,}\$"),
    "an MD5 verifier": re.compile(r"\bmd5[0-9a-f]{32}\b"),
    "a token": re.compile(r"\b(?:ghp_|github_pat_|AKIA|xox[bp]-|sk-)[A-Za-z0-9_-]{16,}"),
    "a line of userlist.txt": re.compile(r'^"[a-z_]+" "(?!the password|another)[^"]+"$', re.M),
}
# What an example of each looks like, put together here so that this file holds none.
PLANTED = {
    "a private key": "-----BEGIN " + "EC PRIVATE KEY-----\n" + "MHcCAQEEIDZ1m0Sx9k0h" * 2,
    "a SCRAM verifier": "SCRAM-SHA-256" + "$4096:" + "c2FsdHNhbHRzYWx0c2FsdA==" + "$x:y",
    "an MD5 verifier": "md5" + "0123456789abcdef" * 2,
    "a token": "ghp" + "_" + "a1b2c3d4e5f6g7h8i9j0",
    "a line of userlist.txt": '"seckill_pooler" ' + '"hunter2"',
}


def tracked() -> list[Path]:
    """The files that git knows, or all of an unpacked archive."""
    done = subprocess.run(
        ["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=False
    )
    if done.returncode != 0:
        pytest.skip("not a git checkout")
    return [ROOT / name for name in done.stdout.split("\0") if name]


def found_in(text: str) -> set[str]:
    """The kinds of secrets in a text."""
    return {kind for kind, pattern in SECRETS.items() if pattern.search(text)}


def test_no_file_holds_a_secret() -> None:
    files = tracked()
    assert len(files) > 200
    for path in files:
        if path.is_file():
            assert found_in(path.read_text(errors="replace")) == set(), path


@pytest.mark.parametrize("kind", SECRETS)
def test_one_that_is_planted_is_found(kind: str) -> None:
    assert kind in found_in(f"something\n{PLANTED[kind]}\nmore")


def test_no_file_of_the_servers_is_kept() -> None:
    names = {path.name for path in tracked()}
    assert not {name for name in names if name.endswith((".key", ".pem", ".p12", ".env"))}
    assert "userlist.txt" not in names
