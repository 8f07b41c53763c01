"""sd_notify over real datagram sockets."""

from __future__ import annotations

import os
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from controller.hardware.service_manager import ServiceManager


@pytest.fixture(params=["path", "abstract"])
def manager_socket(request, tmp_path: Path) -> Iterator[tuple[socket.socket, str]]:
    name = str(tmp_path / "notify") if request.param == "path" else f"@sternway-test-{os.getpid()}"
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as receiver:
        receiver.bind(name.replace("@", "\0", 1))
        receiver.settimeout(5)
        yield receiver, name


def test_each_report_is_one_datagram(manager_socket: tuple[socket.socket, str]) -> None:
    receiver, name = manager_socket
    service = ServiceManager({"NOTIFY_SOCKET": name})
    assert service.ready("scan running")
    assert receiver.recv(200) == b"READY=1\nSTATUS=scan running"
    assert service.watchdog()
    assert receiver.recv(200) == b"WATCHDOG=1"
    assert service.status("stand-by\nREADY=1")
    assert receiver.recv(200) == b"STATUS=stand-by READY=1", "a text cannot set another variable"
    assert service.stopping("asked to")
    assert receiver.recv(200) == b"STOPPING=1\nSTATUS=asked to"
    service.close()
    assert not service.watchdog()


def test_without_a_manager_nothing_is_sent() -> None:
    service = ServiceManager({})
    assert not service.ready("up")
    assert not service.watchdog()
    service.close()


def test_a_manager_that_is_gone_is_no_error(tmp_path: Path) -> None:
    service = ServiceManager({"NOTIFY_SOCKET": str(tmp_path / "nobody")})
    assert not service.watchdog()
    service.close()


def test_a_manager_that_does_not_read_never_blocks(manager_socket: tuple[socket.socket, str]) -> None:
    receiver, name = manager_socket
    service = ServiceManager({"NOTIFY_SOCKET": name})
    told = 0
    while service.watchdog():
        told += 1
        assert told < 100_000, "the queue has no end"
    assert told >= 1
    receiver.recv(200)
    assert service.watchdog(), "and it goes on when there is room"
    service.close()
