"""docs/install.md and docs/broker.md, followed to the letter on a Debian that has never heard of Sternway, up to a walking belt."""

from __future__ import annotations

from hil_tests.vm.container import Container
from hil_tests.vm.pages import HELPERS, broker_commands, commands, configured, editor
from hil_tests.vm.treadmill import BROKER, DISPLAY, DRIVE, DROP_IN, Treadmill, certify
from simulator.commissioning import CELL_SERIAL
from simulator.load_cell import CellParameters

_CALIBRATION: dict[str, float | str] = {
    "zero_counts": CellParameters().zero_counts,
    "cell_serial": CELL_SERIAL,
    "newtons_per_count": CellParameters().newtons_per_count,
}


def test_the_pages_lead_to_a_walking_belt(bare: Container, treadmill: Treadmill) -> None:
    """Not the pages' own: sudo and the editor are helpers here, the package was built outside, the pins are the stand-ins, and
    calibration and self-test are the demo's emulated certificates.
    """
    files = bare.files
    (files / "root/edit").write_text(editor(DRIVE, DISPLAY, _CALIBRATION))
    bare.shell(HELPERS)
    build, configure, start, prepare, *_ = commands("install.md")

    assert "no /etc/sternway/treadmill.toml yet" in bare.shell("set -e; cd /root;" + build.replace("make deb\n", ""))
    assert "correct, for treadmill-1 at my-clinic" in bare.shell("set -e;" + configure)
    drop_in = files / "etc/systemd/system/sternway-controller.service.d/test-machine.conf"
    drop_in.parent.mkdir(parents=True, exist_ok=True)
    drop_in.write_text(DROP_IN)
    (files / "etc/systemd/system/sternway-telemetry.service.d").mkdir(parents=True, exist_ok=True)
    (files / "etc/systemd/system/sternway-telemetry.service.d/test-machine.conf").write_text("[Service]\nCPUAffinity=\n")
    bare.run("systemctl", "daemon-reload")

    said = bare.shell("set -e;" + broker_commands())
    snippet = said[said.index("[telemetry.broker]") :]
    assert snippet.strip() == BROKER.strip(), "what `join` says is what the tests configure"
    configuration = files / "etc/sternway/treadmill.toml"
    configuration.write_text(configured(configuration.read_text(), snippet))

    certify(bare)
    treadmill.start(bare)
    assert "Sternway 0." in bare.shell("set -e;" + start.replace("sternway status", "sleep 3; sternway status"))
    treadmill.wait_state("standby")
    assert "is prepared for demo-1" in bare.shell("set -e;" + prepare)
    treadmill.wait("walking", lambda seen: seen.state == "exercising" and (seen.measured_speed_m_s or 0.0) > 0.08, 60.0)
