"""Runs of pytest that hang, or leave a process behind, in a folder of their own."""

import os
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest

ROOT = Path(__file__).parent.parent

CONFTEST = """
import os
from tests.sessionwatch import SessionWatch, write_stacks_on_signal

def pytest_configure(config):
    if hasattr(config, "workerinput"):
        write_stacks_on_signal(os.dup(2))
    else:
        config.pluginmanager.register(SessionWatch(os.dup(2), limit=LIMIT))
"""


def run(folder: Path, test: str, *options: str, limit: int = 60) -> subprocess.CompletedProcess[str]:
    (folder / "conftest.py").write_text(CONFTEST.replace("LIMIT", str(limit)))
    (folder / "test_it.py").write_text(f"import subprocess, time\n\n{test}\n")
    (folder / "pytest.ini").write_text("[pytest]\n")
    command = [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", *options, str(folder)]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    return subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, timeout=90, check=False)


@pytest.mark.parametrize("options", [(), ("-n", "2")], ids=["alone", "workers"])
def test_a_run_that_hangs_is_ended_and_tells_where(tmp_path: Path, options: tuple[str, ...]) -> None:
    begun = time.monotonic()
    done = run(tmp_path, "def test_hangs():\n    time.sleep(300)", *options, limit=6)
    assert time.monotonic() - begun < 60
    assert done.returncode == 1
    assert "did not end within 6 s" in done.stderr
    assert "test_hangs has been running" in done.stderr
    assert "in test_hangs" in done.stderr  # a stack


def test_a_process_that_a_test_leaves_fails_the_run_and_is_ended(tmp_path: Path) -> None:
    leave = "subprocess.Popen(['sleep', '287'], start_new_session=True)"
    done = run(tmp_path, f"def test_leaves():\n    print({leave}.pid)", "-n", "2")
    assert done.returncode == 1
    assert "1 passed" in done.stdout
    assert "left running by tests: sleep (" in done.stderr
    pid = int(done.stderr.partition("sleep (")[2].partition(",")[0])
    assert not psutil.pid_exists(pid) or psutil.Process(pid).status() == psutil.STATUS_ZOMBIE


def test_a_run_that_leaves_nothing_passes(tmp_path: Path) -> None:
    done = run(tmp_path, "def test_passes():\n    subprocess.run(['true'])", "-n", "2")
    assert done.returncode == 0, done.stderr
