"""Debian's own kernel, and modules built against its headers: the kernel's gpio-sim, which Debian does not ship, a bus with an
HX711 on it, and one that tells the world outside how the machine's time passes.
"""

from __future__ import annotations

import hashlib
import shutil
import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path

from hil_tests.vm.debian_root import BUILD

MODULES = Path(__file__).parent / "modules"
SOURCE = Path("/usr/src/linux-source-6.1.tar.xz")
_FROM_SOURCE = ("drivers/gpio/gpio-sim.c", "drivers/gpio/gpiolib.h", "kernel/irq/irq_sim.c")
_LOADED = ("virtio_pci", "virtio_blk", "ext4", "virtio_console", "configfs")
OWN = ("hx711_bus", "guest_clock")
BUILT = ("gpio-sim", *OWN)

_TELL = """static void tell_change(struct gpio_sim_chip *chip, unsigned int line, int value)
{
	if (!!value != !!test_bit(line, chip->value_map))
		outb((value ? 0x80 : 0) | line, 0x5A0);
}

"""


@dataclass(frozen=True)
class Kernel:
    """image: what QEMU boots. modules: files in the order of loading, those of the disk first. built: gpio-sim and our own."""

    image: Path
    modules: tuple[Path, ...]
    built: tuple[Path, ...]


def kernel() -> Kernel:
    """Returns the kernel of linux-image-amd64 with its modules, downloaded and built on first use (some seconds)."""
    release = _release()
    place = BUILD / f"kernel-{release}"
    tree = place / "tree"
    if not (place / "ready").exists():
        shutil.rmtree(place, ignore_errors=True)
        tree.mkdir(parents=True)
        subprocess.run(["apt-get", "download", "-qq", f"linux-image-{release}"], cwd=place, check=True, stderr=subprocess.DEVNULL)
        (package,) = place.glob("*.deb")
        subprocess.run(["dpkg-deb", "--extract", str(package), str(tree)], check=True)
        subprocess.run(["depmod", "--basedir", str(tree), release], check=True)
        (place / "ready").touch()
    return Kernel(tree / f"boot/vmlinuz-{release}", _in_order(tree, release), _build(place, release))


def _release() -> str:
    """The kernel's name, as 6.1.0-56-amd64: the one whose headers are installed."""
    found = sorted(Path("/usr/src").glob("linux-headers-*-amd64"))
    if not found:
        raise RuntimeError("linux-headers-amd64 is not installed: run `make vm`")
    return found[-1].name.removeprefix("linux-headers-")


def _in_order(tree: Path, release: str) -> tuple[Path, ...]:
    files: list[Path] = []
    for module in _LOADED:
        command = ["modprobe", "--dirname", str(tree), "--set-version", release, "--show-depends", module]
        for line in subprocess.run(command, check=True, capture_output=True, text=True).stdout.splitlines():
            action, _, path = line.partition(" ")
            if action == "insmod" and Path(path.strip()) not in files:
                files.append(Path(path.strip()))
    return tuple(files)


def _build(place: Path, release: str) -> tuple[Path, ...]:
    texts = [Path(__file__), *(MODULES / f"{name}.c" for name in OWN)]
    name = hashlib.sha256(b"".join(text.read_bytes() for text in texts)).hexdigest()[:12]
    finished = place / f"built-{name}"
    if not finished.exists():
        with tempfile.TemporaryDirectory(dir=place) as directory:
            _compile(Path(directory), release)
            Path(directory).rename(finished)
            Path(directory).mkdir()  # for whoever takes it away
    return tuple(finished / f"{name}.ko" for name in BUILT)


def _compile(work: Path, release: str) -> None:
    names = [f"linux-source-6.1/{name}" for name in _FROM_SOURCE]
    subprocess.run(["tar", "-C", str(work), "--strip-components=3", "-xf", str(SOURCE), *names], check=True)
    (work / "gpio-sim.c").rename(work / "gpio-sim-core.c")
    _change(work / "irq_sim.c", "handle_simple_irq(irq_to_desc(irqnum));", "generic_handle_irq(irqnum);")
    # A contact to ground is stronger than the pull-up that a program asks for; in gpio-sim they would be the same thing.
    _change(work / "gpio-sim-core.c", "return gpio_sim_apply_pull(chip, offset, 1);\n\tcase", "return 0;\n\tcase")
    _tell_outputs(work / "gpio-sim-core.c")
    for own in OWN:
        shutil.copy(MODULES / f"{own}.c", work)
    objects = " ".join(f"{name}.o" for name in BUILT)
    (work / "Kbuild").write_text(f"obj-m := {objects}\ngpio-sim-objs := gpio-sim-core.o irq_sim.o\n")
    command = ["make", "-s", "-C", f"/usr/src/linux-headers-{release}", f"M={work}", "modules"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise RuntimeError(f"the modules were not built:\n{done.stdout}{done.stderr}")


def _tell_outputs(source: Path) -> None:
    """Each output that changes is told outside on the I/O port of guest_clock.c, for relays and lamps to follow."""
    assign, replace = "__assign_bit(offset, chip->value_map, value);", "bitmap_replace(chip->value_map, chip->value_map, bits, mask"
    _change(source, "static int gpio_sim_apply_pull(", _TELL + "static int gpio_sim_apply_pull(")
    text = source.read_text(encoding="utf-8")
    begin = text.index("static void gpio_sim_set(")
    told = text[begin:].replace(assign, f"tell_change(chip, offset, value);\n\t{assign}")
    told = told.replace(
        replace, f"for_each_set_bit(line, mask, gc->ngpio)\n\t\ttell_change(chip, line, test_bit(line, bits));\n\t{replace}"
    )
    declared = "unsigned long *mask, unsigned long *bits)\n{\n\tstruct gpio_sim_chip *chip = gpiochip_get_data(gc);\n"
    at = told.index(declared, told.index("static void gpio_sim_set_multiple(")) + len(declared)
    source.write_text(text[:begin] + told[:at] + "\tunsigned int line;\n" + told[at:], encoding="utf-8")


def _change(file: Path, old: str, new: str) -> None:
    text = file.read_text(encoding="utf-8")
    if old not in text:
        raise RuntimeError(f"{file.name} of this kernel has no {old!r} any more")
    file.write_text(text.replace(old, new), encoding="utf-8")
