"""The virtual machine's disk: the Debian with Sternway installed, set up for the board that the kernel simulates."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from collections.abc import Sequence
from pathlib import Path

from hil_tests.vm.debian_root import BUILD
from hil_tests.vm.kernel import Kernel
from hil_tests.vm.treadmill import BROKER, CONFIGURATION, DISPLAY, DRIVE

GUEST_DRIVE, GUEST_DISPLAY = "/dev/ttyS1", "/dev/ttyS0"
_SIZE_MB = 1400
_DROP_IN = """\
# Only for this test machine: it is no Raspberry Pi, its serial ports are a PC's, and it has two slow processors.
[Service]
Environment=RPI_LGPIO_REVISION=c03114
DeviceAllow=char-ttyS rw
CPUAffinity=
WatchdogSec=20
TimeoutStartSec=120
"""
_SLOW = """
# An emulated processor is 8-12 times slower: the widest limits that the configuration allows.
[supervision]
late_record_ms = 40
late_stop_ms = 100

[drive]
status_limit_ms = 100
lease_ms = 150
"""
_AGENT_UNIT = """\
[Unit]
Description=Hands on the simulated board
DefaultDependencies=no
After=systemd-udevd.service systemd-tmpfiles-setup-dev.service
Before=sternway.target sternway-controller.service

[Service]
ExecStartPre=/bin/sh -c 'for module in /opt/test-machine/*.ko; do insmod $module || true; done'
ExecStart=/usr/bin/python3 /opt/test-machine/guest_agent.py
Restart=on-failure

[Install]
WantedBy=sysinit.target
"""
_INIT = """#!/bin/busybox sh
/bin/busybox mount -t devtmpfs devtmpfs /dev
/bin/busybox mount -t proc proc /proc
for module in $(/bin/busybox cat /order); do /bin/busybox insmod /modules/$module; done
while [ ! -b /dev/vda ]; do /bin/busybox sleep 0.1; done
/bin/busybox mount -t ext4 -o rw /dev/vda /root
/bin/busybox umount /proc
/bin/busybox mount --move /dev /root/dev
exec /bin/busybox switch_root /root /sbin/init
"""


def build_disk(layers: Sequence[Path], kernel: Kernel, workplace: Path) -> Path:
    """Returns a qcow2 disk with the layers (topmost first) and what this machine needs on top."""
    upper = workplace / "vm-layer"
    _write_layer(upper, kernel)
    disk = workplace / "disk.qcow2"
    raw = workplace / "disk.raw"
    with tempfile.TemporaryDirectory(prefix="sternway-image-") as place:
        options = "lowerdir=" + ":".join(str(layer) for layer in (upper, *layers))
        subprocess.run(["mount", "-t", "overlay", "overlay", "-o", options, place], check=True)
        try:
            command = ["mke2fs", "-q", "-t", "ext4", "-E", "lazy_itable_init=1", "-d", place, str(raw), f"{_SIZE_MB}M"]
            subprocess.run(command, check=True)
        finally:
            subprocess.run(["umount", place], check=True)
    subprocess.run(["qemu-img", "convert", "-q", "-O", "qcow2", str(raw), str(disk)], check=True)
    raw.unlink()
    return disk


def build_initramfs(kernel: Kernel) -> Path:
    """Returns the initramfs that finds the disk: busybox, the kernel's modules, twenty lines."""
    archive = BUILD / "initramfs"
    with tempfile.TemporaryDirectory(prefix="sternway-initramfs-") as name:
        tree = Path(name)
        for directory in ("bin", "dev", "proc", "root", "modules"):
            (tree / directory).mkdir()
        shutil.copy(shutil.which("busybox") or "/bin/busybox", tree / "bin/busybox")
        for module in kernel.modules:
            shutil.copy(module, tree / "modules")
        (tree / "order").write_text("\n".join(module.name for module in kernel.modules))
        (tree / "init").write_text(_INIT)
        (tree / "init").chmod(0o755)
        names = "\n".join(str(path.relative_to(tree)) for path in tree.rglob("*"))
        with archive.open("wb") as output:
            subprocess.run(["cpio", "-o", "-H", "newc", "--quiet"], cwd=tree, input=names.encode(), stdout=output, check=True)
    return archive


def _write_layer(upper: Path, kernel: Kernel) -> None:
    def put(name: str, text: str, mode: int = 0o644) -> None:
        target = upper / name
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(text, encoding="utf-8")
        target.chmod(mode)

    configuration = CONFIGURATION.replace(DRIVE, GUEST_DRIVE).replace(DISPLAY, GUEST_DISPLAY)
    put("etc/sternway/treadmill.toml", configuration + _SLOW + BROKER, 0o644)
    put("etc/systemd/system/sternway-controller.service.d/test-machine.conf", _DROP_IN)
    put("etc/systemd/system/test-machine.service", _AGENT_UNIT)
    put("etc/fstab", "/dev/vda / ext4 defaults 0 1\n")
    wants = upper / "etc/systemd/system/sysinit.target.wants"
    wants.mkdir(parents=True)
    (wants / "test-machine.service").symlink_to("/etc/systemd/system/test-machine.service")
    for unit in ("serial-getty@ttyS0.service", "getty@tty1.service", "proc-sys-fs-binfmt_misc.automount", "systemd-binfmt.service"):
        (upper / "etc/systemd/system" / unit).symlink_to("/dev/null")
    place = upper / "opt/test-machine"
    place.mkdir(parents=True)
    shutil.copy(Path(__file__).parent / "guest_agent.py", place)
    for module in kernel.built:
        shutil.copy(module, place)
    for directory in upper.rglob("*"):
        if directory.is_dir():
            os.chmod(directory, 0o755)
