"""A small Debian, made once by mmdebstrap from the machine's own package sources and kept in build/vm."""

from __future__ import annotations

import hashlib
import shutil
import subprocess
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
BUILD = ROOT / "build" / "vm"
RELEASE = "bookworm"
PACKAGES = (
    *("systemd", "systemd-sysv", "udev", "dbus", "kmod", "procps", "iproute2", "util-linux"),
    *("python3", "python3-venv", "openssl", "mosquitto", "mosquitto-clients"),
)


def debian_root() -> Path:
    """Returns the directory of a Debian without Sternway, made now if it is not there (half a minute). Never write into it."""
    name = hashlib.sha256(" ".join((RELEASE, *PACKAGES)).encode()).hexdigest()[:12]
    root = BUILD / f"debian-{name}"
    if root.exists():
        return root
    BUILD.mkdir(parents=True, exist_ok=True)
    unfinished = BUILD / f"{root.name}.unfinished"
    shutil.rmtree(unfinished, ignore_errors=True)
    packages = ",".join(PACKAGES)
    command = ["mmdebstrap", "--quiet", "--mode=root", "--variant=minbase", f"--include={packages}", RELEASE, str(unfinished)]
    subprocess.run(command, check=True, timeout=1200)
    _settle(unfinished)
    unfinished.rename(root)
    return root


def _settle(root: Path) -> None:
    """What a machine without a person at it needs: a broker that waits to be told, no first-boot questions."""
    (root / "etc/hostname").write_text("treadmill\n")
    (root / "etc/machine-id").write_text("uninitialized\n")
    (root / "etc/hosts").write_text("127.0.0.1 localhost\n")
    for unit in ("systemd-firstboot.service", "systemd-resolved.service", "e2scrub_reap.service"):
        _mask(root, unit)
    for timer in ("apt-daily.timer", "apt-daily-upgrade.timer", "e2scrub_all.timer", "fstrim.timer"):
        _mask(root, timer)
    journal = root / "etc/systemd/journald.conf.d/vm.conf"
    journal.parent.mkdir(parents=True, exist_ok=True)
    journal.write_text("[Journal]\nStorage=persistent\n")


def _mask(root: Path, unit: str) -> None:
    link = root / "etc/systemd/system" / unit
    link.parent.mkdir(parents=True, exist_ok=True)
    link.unlink(missing_ok=True)
    link.symlink_to("/dev/null")
