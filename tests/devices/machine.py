"""A virtual machine with a real camera and a real sound card, as far as the kernel and everything above it can tell.

QEMU emulates it in software, so it needs no privileges and no support of the processor. The kernel is Debian's,
unpacked but not installed; its drivers `vivid` (a V4L2 camera that draws its picture) and `snd-aloop` (an ALSA card
whose output comes in again at its input) are the devices. The machine's files are those of this machine, read-only,
under a layer in memory; one folder is shared both ways.
"""

import os
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]
CACHE = Path(os.environ.get("XDG_CACHE_HOME", Path.home() / ".cache")) / "webrtc-peer-tests"

MODULES = ["virtio_pci", "9pnet_virtio", "9p", "overlay", "dummy", "vivid", "snd-aloop"]
MODULE_OPTIONS = {"vivid": "n_devs=1 node_types=0x1 num_inputs=1 input_types=0x00"}

INIT = """#!/bin/busybox sh
/bin/busybox --install -s /bin
mount -t proc none /proc
mount -t sysfs none /sys
sh /modules/load
mount -t tmpfs none /layer
mkdir /layer/upper /layer/work
options=trans=virtio,version=9p2000.L,msize=512000,cache=loose
mount -t 9p -o ro,$options root /lower
mount -t overlay -o lowerdir=/lower,upperdir=/layer/upper,workdir=/layer/work none /root
mount -t proc none /root/proc
mount -t sysfs none /root/sys
mount -t devtmpfs none /root/dev
mkdir -p /root/dev/shm /root/dev/pts
mount -t tmpfs none /root/dev/shm
mount -t devpts none /root/dev/pts
mkdir -p /root/mnt
mount -t 9p -o trans=virtio,version=9p2000.L,msize=512000 share /root/mnt
ip link set lo up
ip address add 10.9.0.1/24 dev dummy0
ip link set dummy0 up
HOME=/root exec chroot /root /bin/sh /mnt/command
"""
"""The first program of the machine: it sets everything up, and becomes the command."""


class Missing(Exception):
    """Something that the machine is made of is not there; the message says what to do."""


def kernel() -> Path:
    """The folder with Debian's kernel and its drivers, fetched and unpacked the first time."""
    for program in ("apt-get", "apt-cache", "dpkg-deb", "depmod", "modprobe"):
        if _program(program) is None:
            raise Missing(f"the machine is made with Debian's kernel, and {program} is not there to get it with")
    try:
        return _fetched()
    except Missing:
        if os.geteuid() != 0:
            raise
        _output("apt-get", "update", "-qq")  # lists that are missing or out of date
        return _fetched()


def _fetched() -> Path:
    depends = _output("apt-cache", "depends", "linux-image-amd64")
    found = re.search(r"linux-image-\d\S+", depends)
    if found is None:
        raise Missing("apt knows no linux-image-amd64: run apt-get update as root, and try again")
    folder = CACHE / found.group()
    if not (folder / "ready").exists():
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        _output("apt-get", "download", found.group(), cwd=folder)
        (archive,) = folder.glob("*.deb")
        _output("dpkg-deb", "-x", str(archive), str(folder))
        archive.unlink()
        _output("depmod", "-b", str(folder), _version(folder))
        (folder / "ready").touch()
    return folder


def _program(name: str) -> str | None:
    return shutil.which(name, path=f"{os.environ['PATH']}:/usr/sbin:/sbin")


def _version(folder: Path) -> str:
    return folder.name.removeprefix("linux-image-")


def _output(*command: str, cwd: Path | None = None) -> str:
    done = subprocess.run(
        [_program(command[0]) or command[0], *command[1:]], cwd=cwd, capture_output=True, text=True, check=False
    )
    if done.returncode:
        raise Missing(f"{shlex.join(command)} failed: {done.stderr.strip()[-500:]}")
    return done.stdout


def initial_files(folder: Path) -> bytes:
    """What the kernel starts with: a shell, the drivers in the order of their dependencies, and INIT."""
    busybox = shutil.which("busybox")
    if busybox is None:
        raise Missing("busybox is not there: apt-get install busybox-static")
    archive = Archive()
    for name in ("bin", "proc", "sys", "dev", "modules", "layer", "lower", "root"):
        archive.add_folder(name)
    archive.add_file("init", INIT.encode())
    archive.add_file("bin/busybox", Path(busybox).read_bytes())
    load = []
    for module in MODULES:
        shown = _output("modprobe", "--show-depends", "-d", str(folder), "-S", _version(folder), module)
        for path in [line.split()[1] for line in shown.splitlines() if line.startswith("insmod ")]:
            name = Path(path).name
            line = f"insmod /modules/{name} {MODULE_OPTIONS.get(name.removesuffix('.ko'), '')}"
            if line not in load:
                load.append(line)
                archive.add_file(f"modules/{name}", Path(path).read_bytes())
    archive.add_file("modules/load", "\n".join(load).encode())
    return archive.end()


class Archive:
    """Writes the kernel's archive format ("newc" of cpio): a header of hexadecimal numbers, a name, the content."""

    def __init__(self) -> None:
        self._parts: list[bytes] = []
        self._count = 0

    def add_folder(self, name: str) -> None:
        self._add(name, 0o40755, b"")

    def add_file(self, name: str, content: bytes) -> None:
        self._add(name, 0o100755, content)

    def end(self) -> bytes:
        self._add("TRAILER!!!", 0, b"")
        return b"".join(self._parts)

    def _add(self, name: str, mode: int, content: bytes) -> None:
        self._count += 1
        fields = [self._count, mode, 0, 0, 1, 0, len(content), 0, 0, 0, 0, len(name) + 1, 0]
        header = ("070701" + "".join(f"{field:08x}" for field in fields)).encode() + name.encode() + b"\0"
        self._parts += [header, b"\0" * (-len(header) % 4), content, b"\0" * (-len(content) % 4)]


def run(command: str, share: Path, *, seconds: float) -> str:
    """Boot, run a shell command as root with `share` at /mnt, power off; return what came out on the console."""
    qemu = shutil.which("qemu-system-x86_64")
    if qemu is None:
        raise Missing("qemu-system-x86_64 is not there: apt-get install qemu-system-x86")
    folder = kernel()
    (share / "command").write_text(f"{command}\nsync\necho o > /proc/sysrq-trigger\nsleep 60\n")
    initrd = share / "initrd"
    initrd.write_bytes(initial_files(folder))
    share_options = "security_model=none,multidevs=remap"
    arguments = [
        *("nice", qemu, "-accel", "tcg,thread=multi", "-cpu", "max", "-smp", "2", "-m", "2048"),
        *("-nodefaults", "-no-reboot", "-display", "none", "-serial", "stdio", "-nic", "none"),
        *("-kernel", str(next((folder / "boot").glob("vmlinuz-*"))), "-initrd", str(initrd)),
        *("-append", "console=ttyS0 quiet panic=-1 mitigations=off"),
        *("-virtfs", f"local,path=/,mount_tag=root,readonly=on,{share_options}"),
        *("-virtfs", f"local,path={share},mount_tag=share,{share_options}"),
    ]
    with (share / "console").open("wb") as console:
        process = subprocess.Popen(arguments, stdin=subprocess.DEVNULL, stdout=console, stderr=subprocess.STDOUT)
        try:
            process.wait(seconds)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
            raise
    return (share / "console").read_text(errors="replace")


if __name__ == "__main__":  # by hand: python -m tests.devices.machine FOLDER COMMAND
    print(run(sys.argv[2], Path(sys.argv[1]), seconds=300))
