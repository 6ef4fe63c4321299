"""./seckill: makes its environment once, mends it when it must, and is called from anywhere.

The checkout is a small one: an empty list of packages, and a program that prints its arguments.
Its environments have a pip that does nothing but look at how it is called; the real thing takes
half a minute and is done by every first call in a fresh clone.
"""

from __future__ import annotations

import shlex
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from seckill.runtime.process import hand_over, make_scratch, remove_scratch, service_account

ROOT = Path(__file__).parents[2]
FIRST = "first call"

PYTHON = """\
#!/bin/sh
if [ "$1" = -m ] && [ "$2" = venv ]; then
  {real} -m venv --without-pip "$3" || exit
  set -- "$3"/lib/python*/site-packages
  mkdir "$1/pip"
  echo 'import sys; assert "--require-hashes" in sys.argv' >"$1/pip/__main__.py"
else
  exec {real} "$@"
fi
"""


@pytest.fixture(scope="module")
def path(tmp_path_factory: pytest.TempPathFactory) -> str:
    """A PATH with the interpreter of this run as python3, and without uv."""
    programs = tmp_path_factory.mktemp("programs")
    python = programs / "python3"
    python.write_text(PYTHON.format(real=shlex.quote(getattr(sys, "_base_executable"))))  # noqa: B009
    python.chmod(0o755)
    return f"{programs}:/usr/sbin:/usr/bin:/sbin:/bin"


def small_checkout(root: Path) -> Path:
    package = root / "pyapp" / "seckill"
    package.mkdir(parents=True)
    shutil.copy(ROOT / "seckill", root / "seckill")
    (root / "requirements.lock").write_text("# nothing\n")
    (package / "__main__.py").write_text("import sys\nprint('ran', *sys.argv[1:])\n")
    return root


@pytest.fixture(scope="module")
def checkout(tmp_path_factory: pytest.TempPathFactory) -> Path:
    # A space in the path, as on many a desktop.
    return small_checkout(tmp_path_factory.mktemp("some where"))


@pytest.fixture
def launch(
    path: str, checkout: Path, tmp_path: Path
) -> Callable[..., subprocess.CompletedProcess[str]]:
    def call(*arguments: str, program: Path | None = None) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [program or checkout / "seckill", *arguments],
            cwd=tmp_path,
            env={"PATH": path, "HOME": str(tmp_path)},
            capture_output=True,
            text=True,
            check=False,
            timeout=200,
        )

    return call


def test_first_call_makes_the_environment_and_later_ones_do_not(
    launch: Callable[..., subprocess.CompletedProcess[str]], checkout: Path, tmp_path: Path
) -> None:
    first = launch("demo", "--seed", "two words")
    assert (first.returncode, first.stdout) == (0, "ran demo --seed two words\n"), first.stderr
    assert FIRST in first.stderr
    second = launch()
    assert (second.returncode, second.stdout, second.stderr) == (0, "ran\n", "")
    assert list(tmp_path.iterdir()) == [], "nothing is written to the home directory"


def test_symlink_to_a_symlink(
    launch: Callable[..., subprocess.CompletedProcess[str]], checkout: Path, tmp_path: Path
) -> None:
    (tmp_path / "one").symlink_to(checkout / "seckill")
    (tmp_path / "deep").mkdir()
    (tmp_path / "deep" / "two").symlink_to("../one")
    assert launch("x", program=tmp_path / "deep" / "two").stdout == "ran x\n"


def test_module_of_the_callers_directory_is_not_taken(
    launch: Callable[..., subprocess.CompletedProcess[str]], tmp_path: Path
) -> None:
    (tmp_path / "seckill").mkdir()
    (tmp_path / "seckill" / "__main__.py").write_text("print('someone else')\n")
    assert launch().stdout == "ran\n"


@pytest.mark.parametrize("damage", ["changed lock", "half-made", "no interpreter", "killed"])
def test_environment_that_does_not_fit_is_made_anew(
    launch: Callable[..., subprocess.CompletedProcess[str]], checkout: Path, damage: str
) -> None:
    launch()
    match damage:
        case "changed lock":
            (checkout / "requirements.lock").write_text("# nothing, still\n")
        case "half-made":
            (checkout / ".venv" / ".stamp").unlink()
        case "no interpreter":  # as after an upgrade of the system's Python
            (checkout / ".venv" / "bin" / "python").unlink()
        case _:
            (checkout / ".venv" / ".stamp").rename(checkout / ".venv" / ".stamp.new")
    (checkout / ".venv" / "left over").touch()
    mended = launch()
    assert (mended.returncode, mended.stdout) == (0, "ran\n"), mended.stderr
    assert FIRST in mended.stderr
    assert not (checkout / ".venv" / "left over").exists()
    assert launch().stderr == ""


@pytest.mark.skipif(shutil.which("flock") is None, reason="there is no flock here")
def test_first_calls_at_once_make_one_environment(path: str, tmp_path: Path) -> None:
    root = small_checkout(tmp_path / "new")
    calls = [
        subprocess.Popen(
            [root / "seckill", str(number)],
            env={"PATH": path, "HOME": str(tmp_path)},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        for number in range(3)
    ]
    done = [call.communicate(timeout=200) for call in calls]
    assert [out for out, _ in done] == ["ran 0\n", "ran 1\n", "ran 2\n"], done
    assert sum(FIRST in said for _, said in done) == 1


def test_exit_status_is_the_programs(
    launch: Callable[..., subprocess.CompletedProcess[str]], checkout: Path
) -> None:
    launch()
    program = checkout / "pyapp" / "seckill" / "__main__.py"
    before = program.read_text()
    program.write_text("raise SystemExit(3)\n")
    try:
        assert launch().returncode == 3
    finally:
        program.write_text(before)


def test_plain_user_is_told_what_to_type() -> None:
    """On a machine that has neither Python nor PgBouncer."""
    home = make_scratch("test")
    try:
        root = small_checkout(home / "new")
        script = (root / "seckill").read_text()
        for place in ("/usr/bin/python3", "/usr/sbin"):  # looked at whatever PATH says
            assert place in script
            script = script.replace(place, "/nowhere")
        (root / "seckill").write_text(script)
        programs = home / "programs"
        programs.mkdir()
        for name in ("cat", "cksum", "dirname", "flock", "id", "sh"):
            (programs / name).symlink_to(shutil.which(name) or "/bin/false")
        (programs / "apt-get").symlink_to("/bin/false")
        for made in (root, *root.rglob("*")):
            hand_over(made)
        account = service_account()
        said = subprocess.run(
            ["/bin/sh", root / "seckill"],
            cwd="/",
            env={"PATH": str(programs)},
            capture_output=True,
            text=True,
            check=False,
            timeout=60,
            user=account.uid if account else None,
            group=account.gid if account else None,
        )
        assert said.returncode == 1
        assert said.stderr == (
            "seckill: please type:  sudo apt-get install -y python3-venv pgbouncer"
            "   and run this again\n"
        )
    finally:
        remove_scratch(home)
