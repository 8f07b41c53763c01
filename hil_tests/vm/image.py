"""The virtual machine's disk: the Debian with Sternway installed, set up for the board that the kernel simulates."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path

from hil_tests.vm.debian_root import BUILD
from hil_tests.vm.kernel import Kernel
from hil_tests.vm.treadmill import BROKER, CONFIGURATION, DISPLAY, DRIVE

GUEST_DRIVE, GUEST_DISPLAY = "/dev/ttyS1", "/dev/ttyS0"
_SIZE_MB = 1400
BOARD = "RPI_LGPIO_REVISION=c03114"
"""Which Pi rpi-lgpio is to think that it is on: a 4."""
DROP_IN_FILE = "etc/systemd/system/sternway-controller.service.d/test-machine.conf"
DROP_IN = f"""\
# Only for this test machine: it is no Raspberry Pi, its serial ports are a PC's, and it has one processor.
[Service]
Environment={BOARD}
DeviceAllow=char-ttyS rw
CPUAffinity=
"""
_AGENT_UNIT = """\
[Unit]
Description=Hands on the simulated board
DefaultDependencies=no
After=systemd-udevd.service systemd-tmpfiles-setup-dev.service
Before=sternway.target sternway-controller.service

[Service]
Type=notify
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


def equipment() -> dict[str, str]:
    """What an integrator has set up on an installed machine: file names, and what stands in them."""
    configuration = CONFIGURATION.replace(DRIVE, GUEST_DRIVE).replace(DISPLAY, GUEST_DISPLAY)
    return {"etc/sternway/treadmill.toml": configuration + BROKER, DROP_IN_FILE: DROP_IN}


def build_disk(layers: Sequence[Path], kernel: Kernel, target: Path, files: Mapping[str, str | Path]) -> Path:
    """Writes a qcow2 disk: the layers (topmost first), what this machine needs on top, and these files (text, or one to copy)."""
    with tempfile.TemporaryDirectory(prefix="image-", dir=target.parent) as name:
        upper, root, raw = Path(name) / "layer", Path(name) / "root", Path(name) / "raw"
        _write_layer(upper, kernel, files)
        root.mkdir()
        options = "lowerdir=" + ":".join(str(layer) for layer in (upper, *layers))
        subprocess.run(["mount", "-t", "overlay", "overlay", "-o", options, str(root)], check=True)
        try:
            command = ["mke2fs", "-q", "-t", "ext4", "-E", "lazy_itable_init=1", "-d", str(root), str(raw), f"{_SIZE_MB}M"]
            subprocess.run(command, check=True)
        finally:
            subprocess.run(["umount", str(root)], check=True)
        subprocess.run(["qemu-img", "convert", "-q", "-O", "qcow2", str(raw), str(target)], check=True)
    return target


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
        unfinished = archive.with_name(f"initramfs.{os.getpid()}")
        with unfinished.open("wb") as output:
            subprocess.run(["cpio", "-o", "-H", "newc", "--quiet"], cwd=tree, input=names.encode(), stdout=output, check=True)
        unfinished.rename(archive)
    return archive


def _write_layer(upper: Path, kernel: Kernel, files: Mapping[str, str | Path]) -> None:
    def put(name: str, content: str | Path) -> None:
        target = upper / name
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(content.encode() if isinstance(content, str) else content.read_bytes())
        target.chmod(0o644)

    for name, content in files.items():
        put(name, content)
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
