"""What a program that was taken over could still do: run in the very sandbox of each unit, with the unit's program replaced."""

from __future__ import annotations

import json
from collections.abc import Callable

_PROGRAM = """
import ctypes, json, os, socket, sys

def attempt(deed):
    try:
        deed()
    except BaseException as error:
        return type(error).__name__ + ": " + str(error)
    return "done"

def internet(family):
    made = socket.socket(family, socket.SOCK_STREAM)
    made.close()

def connect():
    with socket.create_connection(("127.0.0.1", 8883), 2):
        pass

def open_device(path):
    os.close(os.open(path, os.O_RDWR | os.O_NONBLOCK | os.O_NOCTTY))

def write(path):
    open(path, "a").close()

def executable_memory():
    import mmap
    mmap.mmap(-1, 4096, prot=mmap.PROT_READ | mmap.PROT_WRITE | mmap.PROT_EXEC).close()

def call(number, argument):
    library = ctypes.CDLL(None, use_errno=True)
    if library.syscall(number, argument, 0, 0, 0) == -1:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))

found = {
    "inet": attempt(lambda: internet(socket.AF_INET)),
    "inet6": attempt(lambda: internet(socket.AF_INET6)),
    "netlink": attempt(lambda: socket.socket(socket.AF_NETLINK, socket.SOCK_RAW).close()),
    "packet": attempt(lambda: socket.socket(socket.AF_PACKET, socket.SOCK_RAW).close()),
    "unix": attempt(lambda: internet(socket.AF_UNIX)),
    "broker": attempt(connect),
    "configuration": attempt(lambda: write("/etc/sternway/treadmill.toml")),
    "program": attempt(lambda: write("/opt/sternway/python/pyvenv.cfg")),
    "controller_state": attempt(lambda: write("/var/lib/sternway/controller/probe")),
    "telemetry_state": attempt(lambda: write("/var/lib/sternway/telemetry/probe")),
    "home": attempt(lambda: os.listdir("/root")),
    "keys": attempt(lambda: open("/etc/sternway/broker/authority.key").close()),
    "become_root": attempt(lambda: os.setuid(0)),
    "executable_memory": attempt(executable_memory),
    "namespace": attempt(lambda: call(272, 0x10000000)),
    "module": attempt(lambda: call(313, 0)),
    "user": str(os.getuid() != 0),
    "interfaces": ",".join(name for _, name in socket.if_nameindex()) if attempt(socket.if_nameindex) == "done" else "unknown",
    **{path: attempt(lambda path=path: open_device(path)) for path in sys.argv[2:]},
}
with open(sys.argv[1], "w") as result:
    json.dump(found, result)
"""

_MAKE = """
set -e
mkdir -p /opt/probe; cat > /opt/probe/probe.py <<'PROGRAM'
@PROGRAM@
PROGRAM
for unit in controller telemetry; do
    systemctl cat sternway-$unit.service | grep -v '^# /' \\
        | grep -vE '^(ExecStart|Type|NotifyAccess|WatchdogSec|Restart|PartOf|WantedBy|CPUAffinity)' \\
        > /run/systemd/system/probe-$unit.service
    printf '[Service]\\nType=oneshot\\nCPUAffinity=\\nExecStart=%s /opt/probe/probe.py /var/lib/sternway/%s/found @DEVICES@\\n' \\
        /opt/sternway/python/bin/python $unit >> /run/systemd/system/probe-$unit.service
done
systemctl daemon-reload
systemctl stop sternway.target sternway-controller sternway-telemetry
systemctl start probe-controller probe-telemetry
"""


def probe(shell: Callable[[str], str], devices: tuple[str, ...]) -> dict[str, dict[str, str]]:
    """Returns for `controller`, `telemetry`, and `root` without a sandbox, what each attempt came to: `done`, or its error."""
    listed = " ".join(devices)
    shell(_MAKE.replace("@PROGRAM@", _PROGRAM).replace("@DEVICES@", listed))
    shell(f"/opt/sternway/python/bin/python /opt/probe/probe.py /opt/probe/found {listed}")
    places = {name: f"/var/lib/sternway/{name}/found" for name in ("controller", "telemetry")} | {"root": "/opt/probe/found"}
    return {name: json.loads(shell(f"cat {place}")) for name, place in places.items()}


_HUNGRY = """
set -e
mkdir -p /opt/probe; cat > /opt/probe/hungry.py <<'PROGRAM'
import os, sys, time
held = bytearray(int(sys.argv[1]) << 20)
for page in range(0, len(held), 4096):
    held[page] = 1
children = 0
try:
    for _ in range(int(sys.argv[2])):
        if os.fork() == 0:
            time.sleep(60)
        children += 1
except OSError as error:
    print(type(error).__name__, error.errno)
print("children", children, flush=True)
PROGRAM
for unit in controller telemetry; do
    systemctl cat sternway-$unit.service | grep -v '^# /' \
        | grep -vE '^(ExecStart|Type|NotifyAccess|WatchdogSec|Restart|PartOf|WantedBy|CPUAffinity)' \
        > /run/systemd/system/hungry-$unit.service
    printf '[Service]\nType=exec\nCPUAffinity=\nExecStart=%s /opt/probe/hungry.py @MEGABYTES@ @CHILDREN@\n' \
        /opt/sternway/python/bin/python >> /run/systemd/system/hungry-$unit.service
done
systemctl daemon-reload
systemctl stop sternway.target sternway-controller sternway-telemetry
for unit in controller telemetry; do
    systemctl start hungry-$unit || true
    while [ "$(systemctl show -P ActiveState hungry-$unit)" = active ]; do sleep 0.2; done
done
"""


def hungry(shell: Callable[[str], str], megabytes: int, children: int) -> dict[str, tuple[str, str]]:
    """A program in each unit's sandbox takes this much memory and then starts these children; root does the same without one.

    Returns for each how it ended, by systemd's word, and what it said.
    """
    shell(_HUNGRY.replace("@MEGABYTES@", str(megabytes)).replace("@CHILDREN@", str(children)))
    found = {}
    for name in ("controller", "telemetry"):
        unit = f"hungry-{name}.service"
        found[name] = (shell(f"systemctl show -P Result {unit}").strip(), shell(f"journalctl -u {unit} -o cat --no-pager"))
        shell(f"systemctl stop {unit}; systemctl reset-failed {unit}")
    said = shell(f"/opt/sternway/python/bin/python /opt/probe/hungry.py {megabytes} {children}; pkill -f /opt/probe/hungry.py")
    return found | {"root": ("success", said)}


_NETWORK = ("inet", "inet6", "netlink", "packet")
_FOREIGN = ("configuration", "program", "home", "keys", "become_root", "executable_memory", "namespace", "module")


def assert_limits(found: dict[str, dict[str, str]], devices: tuple[str, ...]) -> None:
    """What `probe` found is what each service may: the treadmill's devices are the controller's alone, the network telemetry's."""
    controller, telemetry, root = found["controller"], found["telemetry"], found["root"]
    for attempt in (*_NETWORK, "broker", "configuration", "home", "keys", "executable_memory", *devices):
        assert root[attempt] == "done", f"{attempt} must be possible at all, else its refusal shows nothing: {root[attempt]}"

    for attempt in (*_NETWORK, "broker", *_FOREIGN, "telemetry_state"):
        assert controller[attempt] != "done", f"controller: {attempt}"
    for attempt in ("unix", *devices, "controller_state"):
        assert controller[attempt] == "done", f"controller: {attempt}: {controller[attempt]}"

    for attempt in ("netlink", "packet", *devices, *_FOREIGN, "controller_state"):
        assert telemetry[attempt] != "done", f"telemetry: {attempt}"
    for attempt in ("unix", "inet", "broker", "telemetry_state"):
        assert telemetry[attempt] == "done", f"telemetry: {attempt}: {telemetry[attempt]}"
    assert controller["user"] == telemetry["user"] == "True"
