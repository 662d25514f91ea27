"""Network namespaces on a bridge of this machine: each is a machine of its own, as far as the network goes."""

import os
import shutil
import subprocess

from tests.scale.s3_server import skip


class Bridge:
    """`network`: its first three numbers; this machine is .1 there."""

    def __init__(self, name: str, network: str) -> None:
        if os.geteuid() != 0 or not (shutil.which("ip") and shutil.which("iptables")):
            skip("Workers in network namespaces of their own need root, iproute2 and iptables.")
        self.address = f"{network}.1"
        self._name, self._network = name, network
        self._namespaces: list[str] = []
        _ip(f"link add {name} type bridge")
        _ip(f"addr add {self.address}/24 dev {name}")
        _ip(f"link set {name} up")
        self.join(together=True)

    def add(self) -> list[str]:
        """A namespace; returns the beginning of a command that runs in it."""
        number = len(self._namespaces) + 1
        name = f"{self._name[:8]}n{number}"
        _ip(f"netns add {name}")
        self._namespaces.append(name)
        _ip(f"link add {name}h type veth peer name eth0 netns {name}")
        _ip(f"link set {name}h master {self._name} up")
        _ip(f"-n {name} addr add {self._network}.{number + 1}/24 dev eth0")
        _ip(f"-n {name} link set eth0 up")
        _ip(f"-n {name} link set lo up")
        return ["ip", "netns", "exec", name]

    def join(self, *, together: bool) -> None:
        """Whether namespaces reach each other. A container engine drops what it does not know, on bridges too."""
        rule = f"FORWARD --in-interface {self._name} --out-interface {self._name} --jump ACCEPT".split()
        command = ["iptables", "--insert" if together else "--delete", *rule]
        subprocess.run(command, check=together, stderr=None if together else subprocess.DEVNULL)

    def end(self) -> None:
        for name in self._namespaces:
            _ip(f"netns del {name}")
        self.join(together=False)
        _ip(f"link del {self._name}")


def _ip(arguments: str) -> None:
    subprocess.run(["ip", *arguments.split()], check=True)
