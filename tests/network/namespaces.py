"""Networks of real Linux network namespaces: hosts, links, switches, addresses and routes.

    with Network() as net:
        alice, bob = net.namespace("alice"), net.namespace("bob")
        link = net.link(alice, bob, ["10.1.0.1/24", "fd01::1/64"], ["10.1.0.2/24", "fd01::2/64"])
        alice.run("ping", "-c1", "10.1.0.2")

Nothing in them has a route to the outside. All of it is removed on leaving, and what a killed run has left
behind is removed by the next one: names carry the process id and start time of the run that made them.
"""

import contextlib
import ctypes
import itertools
import os
import shutil
import signal
import socket
import subprocess
import threading
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from tests.network.errors import HarnessError
from tests.network.processes import Process

PREFIX = "peertest"
NAMESPACES = Path("/run/netns")
CONFIGURATION = Path("/etc/netns")  # files that `ip netns exec` puts over those of /etc, one folder a namespace

_CLONE_NEWNET = 0x40000000
_numbers = itertools.count(1)
_libc = ctypes.CDLL(None, use_errno=True)


def run(*argv: str, stdin: str = "", timeout: float = 15.0) -> str:
    """What a program prints; a `HarnessError` with its complaint if it fails."""
    done = subprocess.run(argv, input=stdin, capture_output=True, text=True, timeout=timeout, check=False)
    if done.returncode != 0:
        raise HarnessError(f"`{' '.join(argv)}` failed ({done.returncode}): {(done.stderr or done.stdout).strip()}")
    return done.stdout


@dataclass
class Interface:
    """A network interface of a namespace."""

    namespace: "Namespace"
    name: str

    def up(self) -> None:
        self.namespace.ip("link", "set", self.name, "up")

    def down(self) -> None:
        self.namespace.ip("link", "set", self.name, "down")

    def add_address(self, address: str) -> None:
        """Give the interface an address with prefix length, "10.1.0.1/24" or "fd01::1/64"; usable at once."""
        nodad = ["nodad"] if ":" in address else []  # else IPv6 waits a second for a duplicate to show up
        self.namespace.ip("address", "add", address, "dev", self.name, *nodad)

    def remove_address(self, address: str) -> None:
        self.namespace.ip("address", "del", address, "dev", self.name)


@dataclass
class Link:
    """A cable between two namespaces (a veth pair)."""

    a: Interface
    b: Interface

    def cut(self) -> None:
        """Drop every packet in both directions, unseen by both ends, until `mend`.

        Neighbours are still found (ARP, IPv6 ND), as when the fault is further away: what comes after is not
        delayed by the second that an unanswered look-up waits.
        """
        self.lose(1.0)

    def mend(self) -> None:
        """End a `cut` or a loss."""
        for end in (self.a, self.b):
            end.namespace.nft(f"add table netdev {end.name}\ndelete table netdev {end.name}")

    def lose(self, fraction: float, *, toward: Interface | None = None) -> None:
        """Lose this fraction of packets at random: in both directions, or only those that go toward one end."""
        verdict = "drop" if fraction >= 1 else f"numgen random mod 1000000 < {round(fraction * 1e6)} drop"
        for end in (self.a, self.b):
            if toward in (None, end):
                # On ingress, where the sender does not notice: a drop on its own output would be an error to it.
                end.namespace.nft(
                    f"""
                    add table netdev {end.name}
                    delete table netdev {end.name}
                    table netdev {end.name} {{
                        chain loss {{
                            type filter hook ingress device {end.name} priority 0;
                            ether type arp accept;
                            icmpv6 type {{ nd-neighbor-solicit, nd-neighbor-advert }} accept;
                            {verdict};
                        }}
                    }}
                    """
                )

    def unplug(self, end: Interface) -> None:
        """Pull the cable as seen from `end`: it keeps its addresses, and sees that there is no carrier."""
        (self.b if end == self.a else self.a).down()

    def plug(self, end: Interface) -> None:
        """Put the cable that `unplug` pulled back."""
        (self.b if end == self.a else self.a).up()

    @contextlib.contextmanager
    def broken(self) -> Iterator[None]:
        """Cut while the block runs."""
        self.cut()
        try:
            yield
        finally:
            self.mend()


class Namespace:
    """A host of its own: interfaces, addresses, routes and firewall that no other sees."""

    def __init__(self, label: str) -> None:
        self.label = label
        self.name = f"{PREFIX}.{os.getpid()}.{_start_time(os.getpid())}.{next(_numbers)}.{label}"
        self.interfaces: list[Interface] = []
        self._hosts = {"localhost": ["127.0.0.1", "::1"], socket.gethostname(): ["127.0.1.1"]}  # as Debian has it
        run("ip", "netns", "add", self.name)
        self.ip("link", "set", "lo", "up")
        self.sysctl("net.ipv6.conf.all.accept_dad", 0)
        self.sysctl("net.ipv6.conf.default.accept_dad", 0)
        self.sysctl("net.ipv4.conf.all.promote_secondaries", 1)  # an address outlives the first of its subnet
        self.name_hosts({})
        self.use_nameserver("127.0.0.1")  # where nothing listens: a look-up fails at once, and never leaves

    def __repr__(self) -> str:
        return f"<Namespace {self.label}>"

    def command(self, *argv: str) -> list[str]:
        """The argument list that runs `argv` in here, under the process id of `argv` itself."""
        return ["ip", "netns", "exec", self.name, *argv]

    def launcher(self, program: str, folder: Path) -> Path:
        """A script in `folder` that runs `program` in here: for libraries that want one executable, as Playwright."""
        script = folder / f"{Path(program).name}-in-{self.label}"
        script.write_text(f'#!/bin/sh\nexec {" ".join(self.command(program))} "$@"\n')
        script.chmod(0o755)
        return script

    def run(self, *argv: str, stdin: str = "", timeout: float = 15.0) -> str:
        """What a program prints when run in here; a `HarnessError` if it fails."""
        return run(*self.command(*argv), stdin=stdin, timeout=timeout)

    def start(self, *argv: str, env: Mapping[str, str] | None = None, cwd: Path | None = None) -> Process:
        """Start a program in here; use as a context manager, or `kill` it."""
        return Process(self.command(*argv), env=env, cwd=cwd)

    def ip(self, *args: str) -> str:
        return run("ip", "-n", self.name, *args)

    def nft(self, rules: str) -> str:
        """Apply nftables rules in here, all or none."""
        return self.run("nft", "-f", "-", stdin=rules)

    def sysctl(self, name: str, value: int) -> None:
        """Set a kernel parameter of this namespace, such as net.ipv4.ip_forward."""
        with self.entered():
            Path("/proc/sys", *name.split(".")).write_text(str(value))

    def route(self, destination: str, *, via: str) -> None:
        """Send what is for `destination` ("default", or a prefix) to the router `via`."""
        self.ip("route", "replace", destination, "via", via)

    def block(self, destination: str, *, how: str = "unreachable") -> None:
        """Have no way to `destination`: "unreachable" and "prohibit" say so to the sender, "blackhole" errs too."""
        self.ip("route", "replace", how, destination)

    def forward_packets(self) -> None:
        """Be a router between this namespace's links."""
        self.sysctl("net.ipv4.ip_forward", 1)
        self.sysctl("net.ipv6.conf.all.forwarding", 1)

    def name_hosts(self, hosts: Mapping[str, str]) -> None:
        """Let programs that start in here from now on find these names (as in /etc/hosts)."""
        for name, address in hosts.items():
            self._hosts.setdefault(name, []).append(address)
        self._configure("hosts", (f"{a} {name}" for name, list_ in self._hosts.items() for a in list_))

    def use_nameserver(self, address: str) -> None:
        """Let programs that start in here from now on ask this DNS server (port 53)."""
        self._configure("resolv.conf", [f"nameserver {address}"])

    @contextlib.contextmanager
    def entered(self) -> Iterator[None]:
        """In this block, sockets and TUN devices that this thread makes belong to the namespace, and stay in it.

        Never await in the block: everything else that runs in this thread would be in here too.
        """
        with Path("/proc/thread-self/ns/net").open() as home, (NAMESPACES / self.name).open() as here:
            _setns(here.fileno())
            try:
                yield
            finally:
                _setns(home.fileno())

    def remove(self) -> None:
        """End every process in here, and remove it with all its interfaces."""
        _remove(self.name)

    def _configure(self, name: str, lines: Iterable[str]) -> None:
        folder = CONFIGURATION / self.name
        folder.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text("".join(f"{line}\n" for line in lines))


class Network:
    """Namespaces and the links between them, for as long as the `with` block runs."""

    def __init__(self) -> None:
        self.namespaces: list[Namespace] = []

    def __enter__(self) -> Self:
        _check_machine()
        remove_stale()
        return self

    def __exit__(self, *exc_info: object) -> None:
        with contextlib.ExitStack() as stack:  # one that fails must not keep the others
            for namespace in self.namespaces:
                stack.callback(namespace.remove)
        self.namespaces.clear()

    def namespace(self, label: str) -> Namespace:
        """A new host without any links; `label` shows in its name."""
        namespace = Namespace(label)
        self.namespaces.append(namespace)
        return namespace

    def link(
        self, a: Namespace, b: Namespace, a_addresses: Sequence[str] = (), b_addresses: Sequence[str] = ()
    ) -> Link:
        """A cable between two hosts: each gets a new interface eth0, eth1, ... with these addresses."""
        ends = [Interface(host, f"eth{len(host.interfaces)}") for host in (a, b)]
        names = [["name", end.name, "netns", end.namespace.name] for end in ends]
        run("ip", "link", "add", *names[0], "type", "veth", "peer", *names[1])
        for end, addresses in zip(ends, (a_addresses, b_addresses), strict=True):
            end.namespace.interfaces.append(end)
            end.up()
            for address in addresses:
                end.add_address(address)
        return Link(*ends)

    def switch(self, label: str = "switch") -> Namespace:
        """A switch (a bridge in a namespace of its own) to `plug` hosts into."""
        switch = self.namespace(label)
        switch.ip("link", "add", "br0", "type", "bridge", "mcast_snooping", "0")
        switch.ip("link", "set", "br0", "up")
        return switch

    def plug(self, host: Namespace, switch: Namespace, addresses: Sequence[str] = ()) -> Link:
        """A cable from a host (end `a`) to a switch (end `b`)."""
        link = self.link(host, switch, addresses)
        switch.ip("link", "set", link.b.name, "master", "br0")
        return link


def remove_stale() -> None:
    """Remove the namespaces, and the processes in them, of test runs that ended without cleaning up."""
    for folder in (NAMESPACES, CONFIGURATION):
        for path in folder.glob(f"{PREFIX}.*") if folder.exists() else ():
            _, pid, start_time, *_ = path.name.split(".")
            if _start_time(int(pid)) != int(start_time):
                try:
                    _remove(path.name)
                except (HarnessError, FileNotFoundError):
                    if path.exists():  # else another run, starting at the same moment, was quicker
                        raise


def _remove(name: str) -> None:
    if (NAMESPACES / name).exists():
        deadline = time.monotonic() + 10
        while pids := run("ip", "netns", "pids", name).split():
            for pid in map(int, pids):
                if pid != os.getpid():
                    with contextlib.suppress(ProcessLookupError):  # it has just ended by itself
                        os.kill(pid, signal.SIGKILL)
            if time.monotonic() > deadline:
                raise HarnessError(f"processes {pids} in the namespace {name} survive SIGKILL.")
            threading.Event().wait(0.01)
        run("ip", "netns", "delete", name)
    if (CONFIGURATION / name).exists():
        shutil.rmtree(CONFIGURATION / name)


def _check_machine() -> None:
    if os.geteuid() != 0:
        raise HarnessError("Network namespaces need root: run these tests as root.")
    for program, package in (("ip", "iproute2"), ("nft", "nftables")):
        if shutil.which(program) is None:
            raise HarnessError(f"The program {program} is missing: run `sh tests/install-programs.sh` ({package}).")


def _start_time(pid: int) -> int | None:
    """When a process started, in clock ticks since boot: with its id, a name that is never used twice."""
    try:
        return int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[19])
    except (FileNotFoundError, ProcessLookupError):
        return None


def _setns(descriptor: int) -> None:
    if _libc.setns(descriptor, _CLONE_NEWNET) != 0:
        raise HarnessError(f"setns failed: {os.strerror(ctypes.get_errno())}; network namespaces need root.")
