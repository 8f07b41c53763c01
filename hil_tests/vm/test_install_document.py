"""docs/install.md and docs/broker.md, followed to the letter on a Debian that has never heard of Sternway, up to a walking belt."""

from __future__ import annotations

import re
import textwrap
from pathlib import Path

from hil_tests.vm.container import Container
from hil_tests.vm.treadmill import BROKER, DROP_IN, Treadmill, certify
from simulator.commissioning import CELL_SERIAL
from simulator.load_cell import CellParameters

DOCS = Path(__file__).resolve().parents[2] / "docs"
_HELPERS = """
set -e
mkdir -p /root/dist && cp /srv/packages/current.deb /root/dist/sternway_0.1.0_$(dpkg --print-architecture).deb
printf '#!/bin/sh\\nexec "$@"\\n' > /usr/local/bin/sudo
printf '#!/bin/sh\\nexec sh /root/edit "$1"\\n' > /usr/local/bin/sudoedit
chmod +x /usr/local/bin/sudo /usr/local/bin/sudoedit
"""
_EDIT = f"""
sed -i -e 's/"example-clinic"/"my-clinic"/' -e 's#/dev/serial/by-id/usb-sternway-drive-if00#/dev/ttyTEST0#' \\
    -e '/^\\[display\\]/,/^device/ s#^device = .*#device = "/dev/ttyTEST1"#' \\
    -e 's/^zero_counts = .*/zero_counts = {CellParameters().zero_counts}/' \\
    -e 's/^cell_serial = .*/cell_serial = "{CELL_SERIAL}"/' \\
    -e 's/^newtons_per_count = .*/newtons_per_count = {CellParameters().newtons_per_count}/' "$1"
"""


def commands(page: str) -> list[str]:
    """The shell blocks of a page, in order."""
    text = (DOCS / page).read_text(encoding="utf-8")
    return [textwrap.dedent(block) for block in re.findall(r"^[ ]*```sh\n(.*?)^[ ]*```", text, re.DOTALL | re.MULTILINE)]


def test_the_pages_lead_to_a_walking_belt(bare: Container, treadmill: Treadmill) -> None:
    """Not the pages' own: sudo and the editor are helpers here, the package was built outside, the pins are the stand-ins, and
    calibration and self-test are the demo's emulated certificates.
    """
    files = bare.files
    (files / "root/edit").write_text(_EDIT)
    bare.shell(_HELPERS)
    build, configure, start, prepare, _ = commands("install.md")
    (broker,) = commands("broker.md")

    assert "no /etc/sternway/treadmill.toml yet" in bare.shell("set -e; cd /root;" + build.replace("make deb\n", ""))
    assert "correct, for treadmill-1 at my-clinic" in bare.shell("set -e;" + configure)
    drop_in = files / "etc/systemd/system/sternway-controller.service.d/test-machine.conf"
    drop_in.parent.mkdir(parents=True, exist_ok=True)
    drop_in.write_text(DROP_IN)
    (files / "etc/systemd/system/sternway-telemetry.service.d").mkdir(parents=True, exist_ok=True)
    (files / "etc/systemd/system/sternway-telemetry.service.d/test-machine.conf").write_text("[Service]\nCPUAffinity=\n")
    bare.run("systemctl", "daemon-reload")

    said = bare.shell("set -e;" + broker.replace("sudo apt install mosquitto openssl", ":"))
    snippet = said[said.index("[telemetry.broker]") :]
    assert snippet.strip() == BROKER.strip(), "what `join` says is what the tests configure"
    configuration = files / "etc/sternway/treadmill.toml"
    text = configuration.read_text()
    for line in re.findall(r"^\w+ = .*$", snippet, re.MULTILINE):
        text, count = re.subn(rf"^{line.split()[0]} = .*$", line, text, flags=re.MULTILINE)
        assert count == 1, f"{line!r} has one place in the file that ships"
    configuration.write_text(text)

    certify(bare)
    treadmill.start(bare)
    assert "Sternway 0." in bare.shell("set -e;" + start.replace("sternway status", "sleep 3; sternway status"))
    treadmill.wait_state("standby")
    assert "is prepared for demo-1" in bare.shell("set -e;" + prepare)
    treadmill.wait("walking", lambda seen: seen.state == "exercising" and (seen.measured_speed_m_s or 0.0) > 0.08, 60.0)
