"""The client's end of the socket: bounded waits, and a clear word for each way in which nobody answers."""

from __future__ import annotations

import grp
import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from controller.command_client import ClientError, ControllerClient
from messages.wire import Reply, Snapshot, Stop, encode
from tests.command_line.conftest import ABOUT, SNAPSHOT, Machine

STOP = Stop("mine", "test")


@pytest.fixture
def listener(tmp_path: Path) -> Iterator[socket.socket]:
    with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as listening:
        listening.bind(str(tmp_path / "raw.sock"))
        listening.listen(1)
        yield listening


def test_the_answer_to_this_request_is_found_among_other_messages(machine: Machine) -> None:
    with ControllerClient(machine.socket) as client:
        assert client.ask(STOP) == Reply("mine", True, "", "boot-1")


def test_the_answer_to_another_request_is_passed_over(listener: socket.socket, tmp_path: Path) -> None:
    with ControllerClient(tmp_path / "raw.sock", answer_within_s=5) as client:
        peer, _ = listener.accept()
        with peer:
            for message in (ABOUT, SNAPSHOT, Reply("other", True, ""), Reply("mine", False, "why")):
                peer.send(encode(message))
            assert client.ask(STOP).reason == "why"


def test_about_and_snapshot_are_read(machine: Machine) -> None:
    with ControllerClient(machine.socket) as client:
        about, snapshot = client.look()
    assert about == ABOUT
    assert isinstance(snapshot, Snapshot)


def test_silence_ends_in_time_although_snapshots_keep_coming(machine: Machine) -> None:
    machine.answer = lambda _request: None
    began = time.monotonic()
    with (
        ControllerClient(machine.socket, answer_within_s=0.2) as client,
        pytest.raises(ClientError, match=r"within 0\.2 s; to stop the belt, press STOP"),
    ):
        client.ask(STOP)
    assert 0.15 < time.monotonic() - began < 2.0


def test_complete_silence_ends_in_time(listener: socket.socket, tmp_path: Path) -> None:
    assert listener
    with (
        ControllerClient(tmp_path / "raw.sock", answer_within_s=0.1) as client,
        pytest.raises(ClientError, match="does not answer"),
    ):
        client.look()


def test_nobody_there(tmp_path: Path) -> None:
    with pytest.raises(ClientError, match=r"is not running .*systemctl start sternway-controller"):
        ControllerClient(tmp_path / "away.sock")


def test_a_socket_that_a_dead_controller_left(tmp_path: Path) -> None:
    with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as dead:
        dead.bind(str(tmp_path / "dead.sock"))
    with pytest.raises(ClientError, match="is not running"):
        ControllerClient(tmp_path / "dead.sock")


def test_something_that_is_no_controller(tmp_path: Path) -> None:
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as other:
        other.bind(str(tmp_path / "stream.sock"))
        other.listen(1)
        with pytest.raises(ClientError, match=r"cannot be used .*--socket"):
            ControllerClient(tmp_path / "stream.sock")
    with pytest.raises(ClientError, match="AF_UNIX path too long"):
        ControllerClient(tmp_path / ("x" * 200))


@pytest.mark.parametrize(("datagram", "words"), [(b"\xc1", "speaks another version"), (encode(ABOUT), "has closed the connection")])
def test_what_is_no_message_is_said(listener: socket.socket, tmp_path: Path, datagram: bytes, words: str) -> None:
    with ControllerClient(tmp_path / "raw.sock", answer_within_s=5) as client:
        peer, _ = listener.accept()
        peer.send(datagram)
        peer.close()
        with pytest.raises(ClientError, match=words):
            client.look()


@pytest.mark.parametrize("ending", ["before the request", "with the request unread"])
def test_a_controller_that_is_gone_before_it_has_answered(listener: socket.socket, tmp_path: Path, ending: str) -> None:
    with ControllerClient(tmp_path / "raw.sock", answer_within_s=5) as client:
        peer, _ = listener.accept()
        peer.send(encode(ABOUT))
        if ending == "with the request unread":
            client._socket.send(encode(STOP))
        peer.close()
        with pytest.raises(ClientError, match=r"has closed .*press STOP at the panel"):
            client._wait(Reply, lambda _: True) if ending == "with the request unread" else client.ask(STOP)


@pytest.mark.parametrize("asking", ["before", "after", "not"])
def test_whoever_is_closed_before_a_word_is_told_that_they_are_not_admitted(
    listener: socket.socket, tmp_path: Path, asking: str
) -> None:
    with ControllerClient(tmp_path / "raw.sock", answer_within_s=5) as client:
        peer, _ = listener.accept()
        if asking == "before":  # then the kernel calls the end a reset: the request was not read
            client._socket.send(encode(STOP))
        peer.close()
        with pytest.raises(
            ClientError, match=r"at once: you are not a member of access\.group; join it, or use sudo; .*press STOP"
        ):
            client.look() if asking == "not" else client.ask(STOP)


_UNPRIVILEGED = """
import os, sys
from pathlib import Path
from controller.command_client import ClientError, ControllerClient
os.setgroups([]); os.setgid(65534); os.setuid(65534)
try:
    ControllerClient(Path(sys.argv[1]))
except ClientError as error:
    print(error)
"""


# Root may open every socket, so the one who may not has to be made, and the kernel lets root alone make them: CI runs as root.
@pytest.mark.skipif(os.getuid() != 0, reason="only root can become another user")
@pytest.mark.parametrize(("in_the_way", "group"), [("socket", "audio"), ("directory", "video")])
def test_the_group_that_lacks_is_the_sockets_own_or_its_directorys(tmp_path: Path, in_the_way: str, group: str) -> None:
    for directory in tmp_path.parents:
        if "pytest-of-" in str(directory):  # those that pytest has made, and no more
            directory.chmod(directory.stat().st_mode | 0o011)
    tmp_path.chmod(0o750 if in_the_way == "directory" else 0o755)
    path = tmp_path / "controller.sock"
    with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as listening:
        listening.bind(str(path))
        listening.listen(1)
        path.chmod(0o660)
        os.chown(path, 0, grp.getgrnam("audio").gr_gid)
        os.chown(tmp_path, 0, grp.getgrnam("video").gr_gid)
        said = subprocess.run([sys.executable, "-c", _UNPRIVILEGED, str(path)], capture_output=True, text=True, check=True)
    assert f"You may not speak to the controller (socket {path}): join the group {group}, or use sudo" in said.stdout
