"""Who is admitted is decided by the kernel's word, and a stranger is said once."""

from __future__ import annotations

import grp
import os
import pwd
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from controller.channel import Channel
from controller.event_ring import EventRing
from controller.peers import AccessSettings, Peer, PeerRule, own_user_only, peer_of, rule_of, why_out_of_reach
from messages.wire import Acknowledge, Heartbeat, Refused, Snapshot, Stop, encode
from tests.command_line.conftest import SNAPSHOT
from tests.shell.test_channel import ABOUT, is_closed, received
from tests.shell.test_event_ring import record

S = 1_000_000_000
NOBODY, NOGROUP = pwd.getpwnam("nobody").pw_uid, 65534
as_root = pytest.mark.skipif(os.getuid() != 0, reason="only root can become another user")


class Served:
    def __init__(self, directory: Path, rule: PeerRule) -> None:
        self.path = directory / "socket"
        self.ring = EventRing(directory / "ring")
        self.channel = Channel(self.path, self.ring, lambda: ABOUT, rule)
        os.chmod(self.path, 0o666)  # what is tested is the kernel's word, not the file's mode

    def take(self) -> tuple:
        return (*self.channel.take(S), *self.channel.take(S))

    def close(self) -> None:
        self.channel.close()
        self.ring.close()


@pytest.fixture
def serve(tmp_path: Path) -> Iterator:
    made: list[Served] = []
    for directory in (tmp_path, *tmp_path.parents):
        if directory.stat().st_uid == os.getuid() and directory != Path("/tmp"):
            directory.chmod(directory.stat().st_mode | 0o011)

    def build(rule: PeerRule) -> Served:
        made.append(Served(tmp_path, rule))
        return made[-1]

    yield build
    for one in made:
        one.close()


_CLIENT = """
import os, socket, sys
path, user, groups = sys.argv[1], int(sys.argv[2]), [int(g) for g in sys.argv[3].split(",") if g]
os.setgroups(groups); os.setgid(65534); os.setuid(user)
client = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
client.connect(path)
sys.stdout.write("connected\\n"); sys.stdout.flush()
client.settimeout(5)
try:
    data = client.recv(65536)
except OSError:
    data = b""
sys.stdout.write("heard\\n" if data else "closed\\n"); sys.stdout.flush()
"""


def visit(served: Served, user: int, groups: str = "") -> tuple[str, tuple]:
    """Another user's process connects; returns what became of it, and what the channel handed up."""
    client = subprocess.Popen(
        [sys.executable, "-c", _CLIENT, str(served.path), str(user), groups], stdout=subprocess.PIPE, text=True
    )
    assert client.stdout is not None
    assert client.stdout.readline() == "connected\n"
    requests = served.take()
    outcome = client.stdout.readline().strip()
    client.wait(10)
    client.stdout.close()
    return outcome, requests


@as_root
def test_a_stranger_is_closed_whatever_the_files_mode_and_said_once(serve) -> None:
    served = serve(own_user_only())
    outcome, requests = visit(served, NOBODY)
    assert outcome == "closed"
    (refused,) = requests
    assert isinstance(refused, Refused)
    assert refused.origin.startswith(f"user {NOBODY}, process ")
    assert refused.command == "connect"
    assert visit(served, NOBODY) == ("closed", ()), "said once"


@as_root
def test_a_member_of_the_group_is_admitted_by_a_supplementary_group(serve) -> None:
    served = serve(PeerRule(frozenset({0}), frozenset({4711}), frozenset({0})))
    assert visit(served, NOBODY, "4711") == ("heard", ())
    assert visit(served, NOBODY, "4712")[0] == "closed"


def test_who_is_admitted_but_not_telemetry_takes_no_events_and_keeps_none(serve) -> None:
    """A member of the group must not be able to make events vanish, nor to stand for the recording."""
    served = serve(PeerRule(frozenset({os.getuid()}), frozenset(), frozenset({NOBODY})))
    client = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    client.connect(str(served.path))
    client.setblocking(False)
    client.send(encode(Heartbeat("telemetry", True)))
    client.send(encode(Acknowledge(1)))
    client.send(encode(Stop("1", "x")))
    served.ring.append(record(1))
    assert served.take() == (Stop("1", "x"),)
    served.channel.send_events()
    assert received(client) == [ABOUT]
    assert not served.channel.telemetry_present(S, 2.0)
    assert [number for number, _ in served.ring.after(0)] == [1]
    client.close()


def test_a_reader_that_takes_nothing_for_ten_seconds_is_closed_and_its_place_is_free(serve) -> None:
    served = serve(own_user_only())
    sleeper = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    sleeper.connect(str(served.path))
    sleeper.setblocking(False)
    served.take()
    at_ns = 0
    full = 0
    while not full:
        at_ns += S // 10
        served.channel.publish(_at(at_ns))
        full = served.channel.lost_snapshots
    for _ in range(100):
        at_ns += S // 10
        served.channel.publish(_at(at_ns))
    assert served.channel.lost_snapshots == full + 100, "ten seconds are not over"
    served.channel.publish(_at(at_ns + S // 10))
    served.channel.publish(_at(at_ns + S // 5))
    assert served.channel.lost_snapshots == full + 101
    assert is_closed(sleeper)
    sleeper.close()


def _at(at_ns: int) -> Snapshot:
    import msgspec

    return msgspec.structs.replace(SNAPSHOT, at_ns=at_ns)


def test_the_kernel_says_who_is_there() -> None:
    one, other = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    peer = peer_of(one)
    assert (peer.pid, peer.user) == (os.getpid(), os.getuid())
    assert peer.groups >= {os.getgid(), *os.getgroups()}
    one.close()
    other.close()


def test_names_become_numbers_and_unknown_ones_admit_nobody() -> None:
    group = grp.getgrgid(os.getgid()).gr_name
    rule, unknown = rule_of(AccessSettings(group=group, telemetry_user="nobody"))
    assert unknown == ()
    assert rule.admits(Peer(1, 4711, frozenset({os.getgid()})))
    assert rule.is_telemetry(Peer(1, NOBODY, frozenset()))
    assert not rule.is_telemetry(Peer(1, 4711, frozenset({os.getgid()})))
    rule, unknown = rule_of(AccessSettings(group="no-such-group", telemetry_user="no-such-user"))
    assert [words.split(":")[0] for words in unknown] == ["access.group", "access.telemetry_user"]
    assert not rule.admits(Peer(1, 4711, frozenset({NOGROUP})))
    assert rule.admits(Peer(1, 0, frozenset({0})))


def test_a_group_that_is_admitted_and_cannot_reach_the_socket_is_said_with_what_to_do(tmp_path: Path) -> None:
    path = tmp_path / "controller.sock"
    path.touch()
    own = grp.getgrgid(path.stat().st_gid).gr_name
    other = next(group.gr_name for group in grp.getgrall() if group.gr_gid != path.stat().st_gid)
    assert why_out_of_reach(AccessSettings(group=own), path) == ()
    assert why_out_of_reach(AccessSettings(group="no-such-group"), path) == (), "that is said already"
    (said,) = why_out_of_reach(AccessSettings(group=other), path)
    assert said.startswith(f"access.group: members of {other} cannot reach {path}, which belongs to group {own}; ")
    assert f'set it to "{own}"' in said


@as_root
def test_a_group_without_a_name_is_said_by_its_number(tmp_path: Path) -> None:
    path = tmp_path / "controller.sock"
    path.touch()
    os.chown(path, 0, 47_110)
    (said,) = why_out_of_reach(AccessSettings(group="root"), path)
    assert "belongs to group 47110" in said
