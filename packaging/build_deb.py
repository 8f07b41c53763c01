"""Builds the Debian package of this machine's release and architecture; `make deb` runs it.

The package carries wheels and makes its virtual environment when it is configured, so that it needs no network there. Wheels
belong to one Python version: the package says which, and apt refuses it on another Debian release.
"""

from __future__ import annotations

import argparse
import re
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
PACKAGING = ROOT / "packaging"
BUILD = ROOT / "build" / "deb"
NOT_SHIPPED = frozenset({"simulator", "evaluation", "exploration"})
"""Packages of the checkout that no treadmill needs, and that nothing shipped imports (import-linter holds that)."""
GPIO_LIBRARIES = ("RPi.GPIO", "rpi-lgpio")
LINKS = {
    "opt/sternway/bin": "python/bin",
    "usr/bin/sternway": "/opt/sternway/bin/sternway",
    "usr/share/doc/sternway/config": "../../sternway",
    "usr/share/doc/sternway/LICENSE": "copyright",
}
"""Symbolic links of the package. The last two are what the pages' own links lead to in the checkout."""
SCRIPTS = ("postinst", "prerm", "postrm")


def main(arguments: list[str] | None = None) -> int:
    """Builds the package and prints its path; returns the exit code."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--version", help="instead of pyproject.toml's: for a rebuild of the same program, as 0.1.0+rebuild1")
    parser.add_argument("--output", type=Path, default=ROOT / "dist", help="directory for the package")
    options = parser.parse_args(arguments)
    document = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    wheels = build_wheels(document)
    version = options.version or document["project"]["version"]
    package = assemble(version, wheels, options.output)
    print(f"{package} ({package.stat().st_size / 1e6:.1f} MB)")  # noqa: T201
    return 0


def build_wheels(document: dict[str, Any]) -> Path:
    """Returns a directory with a wheel of everything that is installed, built from source where there is none."""
    source = BUILD / "source"
    shutil.rmtree(source, ignore_errors=True)
    source.mkdir(parents=True)
    (source / "pyproject.toml").write_text(shipped_project((ROOT / "pyproject.toml").read_text(encoding="utf-8")), encoding="utf-8")
    for name in ("README.md", "LICENSE"):
        shutil.copy(ROOT / name, source)
    for package in {name.split(".")[0] for name in document["tool"]["setuptools"]["packages"]} - NOT_SHIPPED:
        shutil.copytree(ROOT / package, source / package, ignore=shutil.ignore_patterns("__pycache__"))
    wheels = BUILD / "wheels"
    shutil.rmtree(wheels, ignore_errors=True)
    constraints = PACKAGING / "constraints.txt"
    pip = [sys.executable, "-m", "pip", "wheel", "--quiet", "--disable-pip-version-check", "--wheel-dir", str(wheels)]
    subprocess.run([*pip, "--constraint", str(constraints), str(source), "spidev", *GPIO_LIBRARIES], check=True)
    return wheels


def shipped_project(text: str) -> str:
    """Returns pyproject.toml without the packages that are not shipped and the programs in them."""
    names = "|".join(sorted(NOT_SHIPPED))
    text = re.sub(rf'^sternway[a-z-]* = "(?:{names})\..*\n', "", text, flags=re.MULTILINE)
    text = re.sub(
        rf'"(?:{names})(?:\.[A-Za-z_.]+)?",? ?', lambda found: "" if _in_packages(text, found.start()) else found[0], text
    )
    packages = tomllib.loads(text)["tool"]["setuptools"]["packages"]
    if left := [name for name in packages if name.split(".")[0] in NOT_SHIPPED]:
        raise ValueError(f"pyproject.toml still ships {left}: write the packages as a list of names in double quotes")
    return text


def _in_packages(text: str, position: int) -> bool:
    begin = text.index("[tool.setuptools]")
    return begin < position < text.index("\n[", begin + 1)


def assemble(version: str, wheels: Path, output: Path) -> Path:
    """Lays out the package's tree and packs it; returns the file."""
    tree = BUILD / "tree"
    shutil.rmtree(tree, ignore_errors=True)
    for origin, place in contents():
        target = tree / place
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(origin, target)
        target.chmod(0o755 if origin.stat().st_mode & 0o100 else 0o644)
    shutil.copytree(wheels, tree / "opt/sternway/wheels")
    for link, target in LINKS.items():
        (tree / link).parent.mkdir(parents=True, exist_ok=True)
        (tree / link).symlink_to(target)
    _write_control(tree, version)
    output.mkdir(parents=True, exist_ok=True)
    package = output / f"sternway_{version}_{_architecture()}.deb"
    subprocess.run(
        ["dpkg-deb", "--root-owner-group", "-Zxz", "--build", str(tree), str(package)], check=True, stdout=subprocess.DEVNULL
    )
    return package


def contents() -> list[tuple[Path, str]]:
    """Which file of the checkout goes where."""
    systemd = ROOT / "systemd"
    found = [(unit, f"usr/lib/systemd/system/{unit.name}") for unit in systemd.glob("sternway*")]
    found += [(PACKAGING / name, f"opt/sternway/lib/{name}") for name in ("gpio-library", "refuse-during-session")]
    found += [
        (systemd / "sysusers.d/sternway.conf", "usr/lib/sysusers.d/sternway.conf"),
        (systemd / "tmpfiles.d/sternway.conf", "usr/lib/tmpfiles.d/sternway.conf"),
        (systemd / "udev/60-sternway.rules", "usr/lib/udev/rules.d/60-sternway.rules"),
        (ROOT / "scripts/broker_setup.sh", "usr/sbin/sternway-broker-setup"),
        (ROOT / "config/treadmill.toml", "usr/share/sternway/treadmill.toml"),
        (ROOT / "README.md", "usr/share/doc/sternway/README.md"),
        (ROOT / "CHANGELOG.md", "usr/share/doc/sternway/CHANGELOG.md"),
        (ROOT / "LICENSE", "usr/share/doc/sternway/copyright"),
        (ROOT / "hil_tests/README.md", "usr/share/doc/sternway/hil_tests/README.md"),
        (ROOT / "docs/sternway.1", "usr/share/man/man1/sternway.1"),
        (ROOT / "config/sternway.bash-completion", "usr/share/bash-completion/completions/sternway"),
    ]
    found += [(plan, f"usr/share/sternway/plans/{plan.name}") for plan in (ROOT / "config/plans").iterdir()]
    docs = [page for page in (ROOT / "docs").rglob("*") if page.is_file()]
    return found + [(page, f"usr/share/doc/sternway/docs/{page.relative_to(ROOT / 'docs')}") for page in docs]


def _write_control(tree: Path, version: str) -> None:
    control = tree / "DEBIAN"
    control.mkdir()
    values = {
        "VERSION": version,
        "ARCHITECTURE": _architecture(),
        "PYTHON": f"{sys.version_info.major}.{sys.version_info.minor}",
        "NEXT_PYTHON": f"{sys.version_info.major}.{sys.version_info.minor + 1}",
    }
    text = (PACKAGING / "debian/control.in").read_text(encoding="utf-8")
    (control / "control").write_text(re.sub(r"@(\w+)@", lambda found: values[found[1]], text), encoding="utf-8")
    for name in SCRIPTS:
        shutil.copy(PACKAGING / "debian" / name, control / name)
        (control / name).chmod(0o755)


def _architecture() -> str:
    return subprocess.run(["dpkg", "--print-architecture"], check=True, capture_output=True, text=True).stdout.strip()


if __name__ == "__main__":
    sys.exit(main())
