"""The emulator of the test machine: how it is started, and how it is asked for other hardware."""

from __future__ import annotations

import json
import socket
from pathlib import Path

ANSWER_S = 20.0
KERNEL = (
    "root=/dev/vda rw console=ttyS0 quiet panic=-1 mitigations=off cryptomgr.notests "
    # The kernel changes its own code when the first container has a cpuset, and when the last one
    # goes; a processor that the emulator runs beside may see half of the change, and panic.
    "cgroup_disable=cpuset"
)
NEEDLESS = (
    "kvm_amd",
    "kvm",
    "ccp",
    "cfg80211",
    "ahci",
    "i2c_i801",
    "lpc_ich",
    "iTCO_wdt",
    "psmouse",
)
"""Drivers of devices that the tests do not use: to load them takes a third of the boot."""


def command_line(
    image: Path, share: Path, console: Path, agent: Path, debugger: Path, monitor: Path
) -> list[str]:
    """How it is started.  The last three are sockets: of the agent, for gdb, and for ``ask``."""
    disk = f"file={image}/disk.img,format=raw,if=virtio,snapshot=on"
    return [
        # Ends the emulator also when the tests are killed and never come to close().
        *("setpriv", "--pdeathsig", "KILL"),
        "qemu-system-x86_64",
        *("-M", "q35", "-accel", "tcg,thread=multi", "-cpu", "max", "-smp", "2", "-m", "1024"),
        *("-nodefaults", "-nographic", "-no-reboot"),
        *("-monitor", "none", "-qmp", f"unix:{monitor},server=on,wait=off"),
        *("-serial", f"file:{console}"),
        *("-kernel", f"{image}/vmlinuz", "-initrd", f"{image}/initrd.img"),
        *("-append", f"{KERNEL} module_blacklist={','.join(NEEDLESS)}"),
        *("-drive", disk),
        *("-object", "can-bus,id=b0"),
        *("-device", "kvaser_pci,canbus=b0", "-device", "kvaser_pci,canbus=b0"),
        *("-device", "qemu-xhci"),
        *("-gdb", f"unix:{debugger},server=on,wait=off"),
        *("-device", "virtio-serial-pci"),
        *("-chardev", f"socket,id=agent,path={agent},server=on,wait=off"),
        *("-device", "virtserialport,chardev=agent,name=agent"),
        *("-virtfs", f"local,path={share},mount_tag=share,security_model=none"),
    ]


def ask(monitor: Path, command: str, **arguments: object) -> None:
    """Give the emulator a command of its protocol QMP; ValueError if it refuses."""
    with socket.socket(socket.AF_UNIX) as port:
        port.settimeout(ANSWER_S)
        port.connect(str(monitor))
        with port.makefile("rw") as lines:
            for each in (
                {"execute": "qmp_capabilities"},
                {"execute": command, "arguments": arguments},
            ):
                print(json.dumps(each), file=lines, flush=True)
                # Before the answer come a greeting and events.
                while "return" not in (said := json.loads(lines.readline())):
                    if "error" in said:
                        raise ValueError(said["error"]["desc"])
