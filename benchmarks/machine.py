"""What the figures were measured on, and with what."""

import datetime
import json
import os
import platform
import shutil
import subprocess
from importlib.metadata import version
from pathlib import Path

PACKAGES = ("aiortc", "aioice", "av", "numpy", "websockets")


def describe_machine() -> str:
    """A list in Markdown: date, machine, versions."""
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    chromium = subprocess.run(["chromium", "--version"], capture_output=True, text=True, check=True).stdout.split()
    return "\n".join(
        [
            f"- {datetime.datetime.now(datetime.UTC):%Y-%m-%d %H:%M} UTC",
            f"- {os.cpu_count()} cores ({_processor()}), {memory:.0f} GiB, {platform.system()} {platform.release()}",
            f"- Python {platform.python_version()}, " + ", ".join(f"{name} {version(name)}" for name in PACKAGES),
            f"- {' '.join(chromium[:2])}; {_node()}",
        ]
    )


def _node() -> str:
    """Node's version and that of libwebrtc for it, if they are here."""
    package = Path(__file__).parent / "node" / "node_modules" / "@roamhq" / "wrtc" / "package.json"
    if not package.exists() or shutil.which("node") is None:
        return "no Node"
    node = subprocess.run(["node", "--version"], capture_output=True, text=True, check=True).stdout.strip()
    return f"Node {node.removeprefix('v')}, @roamhq/wrtc {json.loads(package.read_text())['version']}"


def load() -> str:
    """The load average of the last minute."""
    return f"{os.getloadavg()[0]:.1f}"


def _processor() -> str:
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        name, _, value = line.partition(":")
        if name.strip() == "model name":
            return value.strip()
    return platform.machine()
