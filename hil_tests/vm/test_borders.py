"""The broker and the controller's socket, as they are installed, against those who may not, and those who may a little."""

from __future__ import annotations

from controller.core.inputs import Input
from hil_tests.vm.container import Container
from hil_tests.vm.treadmill import Treadmill, begin_walking, prepare_demo

_KEYS = "/etc/sternway/broker-keys"
_TRUST = "-V 5 -q 1 -h localhost --cafile /etc/sternway/broker/authority.crt"
_OWN = f"--cert {_KEYS}/client.crt --key {_KEYS}/client.key"
_FORGED = """
set -e; cd /root
openssl req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=another-authority -keyout other.key -out other.crt 2>/dev/null
openssl req -newkey rsa:2048 -nodes -subj /CN=simulated -keyout forged.key -out forged.csr 2>/dev/null
openssl x509 -req -in forged.csr -CA other.crt -CAkey other.key -CAcreateserial -days 2 -out forged.crt 2>/dev/null
"""


def publishes(machine: Container, how: str, topic: str = "sternway/v1/demo/simulated/state") -> str:
    """What mosquitto_pub says, and `done` where the broker took it."""
    return machine.shell(f"timeout 15 mosquitto_pub {_TRUST} {how} -t {topic} -m '{{}}' && echo done", check=False)


def test_the_broker_refuses_whoever_it_must(machine: Container, treadmill: Treadmill) -> None:
    treadmill.wait_state("standby")
    machine.shell(_FORGED)
    names = machine.shell(f"ls {_KEYS}").split()
    assert {"client.crt", "client.key"} <= set(names), names
    assert publishes(machine, f"-p 8883 {_OWN}").strip() == "done", "its own certificate, its own topic: this is the measure"

    assert "done" not in publishes(machine, "-p 8883 --cert /root/forged.crt --key /root/forged.key"), "another authority's"
    assert "done" not in publishes(machine, "-p 8883"), "no certificate"
    assert "ot authori" in publishes(machine, "-p 8884"), "anonymous"
    assert "ot authori" in publishes(machine, "-p 8884 -u wall -P wrong"), "a wrong password"
    for topic in (
        "sternway/v1/demo/another/event",
        "sternway/v1/elsewhere/simulated/event",
        "sternway/v1/demo/simulated/command/stop",
    ):
        assert "ot authori" in publishes(machine, f"-p 8883 {_OWN}", topic), f"a treadmill at {topic}"
    assert "ot authori" in publishes(machine, "-p 8884 -u wall -P $(cat /root/wall)"), "a dashboard that speaks"


_ATTACK = """
import os, socket, sys, time
import msgspec
from messages.wire import Acknowledge, Heartbeat, Silence, encode
line = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
line.connect("/run/sternway/controller.sock")
line.setblocking(False)
pack = msgspec.msgpack.encode
words = ("start", "faster", "run", "reset", "grant", "speed", "unlatch", "resume", "ok", "press", "contacts", "drive")
invented = [pack({"type": word, "id": "1", "request": "1", "speed_m_s": 1.0, "value": 1, "input": "START"}) for word in words]
halves = ("heartbeat", "acknowledge", "stop2", "prepare", "cancel", "symptom", "silence", "refused")
known = [pack({"type": word}) for word in halves]
rubbish = [b"", b"\\0" * 4096, os.urandom(512), b"\\xc1" * 64, pack([1, 2, 3]), pack("start")]
genuine = [encode(Heartbeat("telemetry", True)), encode(Acknowledge(1 << 40)), encode(Silence("s", "attack"))]
sent = refused = 0
until = time.monotonic() + float(sys.argv[1])
while time.monotonic() < until:
    for datagram in (*genuine, *invented, *known, *rubbish):
        try:
            line.send(datagram)
            sent += 1
        except BlockingIOError:
            pass
        except OSError:
            refused += 1
            line.close()
            line = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
            try:
                line.connect("/run/sternway/controller.sock")
            except OSError:
                pass
            line.setblocking(False)
        try:
            while line.recv(65536):
                pass
        except OSError:
            pass
    time.sleep(0.02)
print(os.getuid(), sent, refused)
"""


def as_telemetry(machine: Container, seconds: float) -> list[int]:
    """A program of telemetry's user talks to the controller; returns who it was, how much it sent, how often it was thrown out."""
    (machine.files / "opt/attack.py").write_text(_ATTACK)
    machine.run("systemctl", "stop", "sternway-telemetry")
    command = f"cd /; runuser -u sternway-telemetry -- /opt/sternway/python/bin/python /opt/attack.py {seconds}"
    return [int(word) for word in machine.shell(command, timeout_s=seconds + 60.0).split()]


def test_who_has_taken_telemetry_over_starts_no_belt(machine: Container, treadmill: Treadmill) -> None:
    """Prepared, and everything that a hand can do is done but START: invented words, half words and rubbish move nothing."""
    treadmill.wait_state("standby")
    prepare_demo(machine)
    treadmill.wait("ready for START", lambda seen: seen.display[0].startswith("READY"), 60.0)
    treadmill.therapist.works = False
    travel_m = treadmill.real.drive.travel_m
    user, sent, _ = as_telemetry(machine, 8.0)
    assert user != 0
    assert sent > 500
    assert abs(treadmill.real.drive.travel_m - travel_m) < 0.005
    seen = treadmill.wait("it still says how it is", lambda _: True)
    assert seen.state in ("standby", "prepared")


def test_who_has_taken_telemetry_over_makes_no_belt_faster_and_may_stop_it(machine: Container, treadmill: Treadmill) -> None:
    begin_walking(treadmill, machine)
    granted_m_s = treadmill.wait("its grant", lambda seen: seen.granted_speed_m_s > 0.0).granted_speed_m_s
    fastest = 0.0

    def watch() -> None:
        nonlocal fastest
        fastest = max(fastest, treadmill.belt_m_s)

    treadmill.real.world.watchers.append(watch)
    _, sent, _ = as_telemetry(machine, 5.0)
    assert sent > 300
    assert fastest < granted_m_s + 0.01
    machine.shell("runuser -u sternway-telemetry -- sternway stop")
    treadmill.wait_belt("rest", lambda speed: speed < 0.02, 5.0)
    treadmill.wait_state("paused", "complete")
    assert not treadmill.real.world.hands.is_closed(Input.START)


def test_people_are_added_one_after_the_other(machine: Container, treadmill: Treadmill) -> None:
    """systemd starts a service five times in ten seconds and then leaves it down: a clinic has more people than that."""
    treadmill.wait_state("standby")
    script = "".join(f"sternway-broker-setup dashboard wall-{number}; " for number in range(1, 9))
    said = machine.shell(f"set -e; {script}")
    assert said.count("password (shown this once)") == 8, said
    assert machine.run("systemctl", "is-active", "mosquitto").stdout == "active\n"
    password = said.split()[-1]
    topic = "sternway/v1/demo/simulated/availability"
    heard = machine.shell(f"timeout 15 mosquitto_sub {_TRUST} -p 8884 -u wall-8 -P '{password}' -t {topic} -C 1")
    assert heard.strip(), "the last of them sees the treadmill"
