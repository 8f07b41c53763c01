"""Who may speak to the controller's socket, by the credentials that the kernel vouches for, whatever the file's mode says."""

from __future__ import annotations

import contextlib
import grp
import os
import pwd
import socket
import struct
from pathlib import Path
from typing import Annotated

import msgspec

_CREDENTIALS = struct.Struct("=iII")
_SO_PEERGROUPS = 59
"""Linux 4.13; Python has no name for it."""
_MAXIMUM_GROUPS_BYTES = 1024
_ROOT = 0

AccountName = Annotated[
    str,
    msgspec.Meta(pattern=r"\A[a-z_][a-z0-9_-]{0,31}\Z", description="an account's name: 1 to 32 of a-z, 0-9, _ and the hyphen"),
]


class AccessSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Who may speak to the controller's socket, besides root. Everybody else is closed."""

    group: Annotated[AccountName, msgspec.Meta(description="may stop the belt and propose a session, as with the command line")] = (
        "sternway"
    )
    telemetry_user: Annotated[AccountName, msgspec.Meta(description="may also take events and say that they are kept")] = (
        "sternway-telemetry"
    )


class Peer(msgspec.Struct, frozen=True):
    """Who is at the other end."""

    pid: int
    user: int
    groups: frozenset[int]


class PeerRule(msgspec.Struct, frozen=True):
    """Who is admitted, by number."""

    users: frozenset[int]
    groups: frozenset[int]
    telemetry_users: frozenset[int]

    def admits(self, peer: Peer) -> bool:
        """Whether they may speak at all."""
        return peer.user in self.users or bool(peer.groups & self.groups)

    def is_telemetry(self, peer: Peer) -> bool:
        """Whether they may stand for telemetry: only then do events count as kept."""
        return peer.user in self.telemetry_users


def peer_of(connection: socket.socket) -> Peer:
    """Returns who connected, as the kernel knew them at that moment; raises OSError."""
    data = connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, _CREDENTIALS.size)
    pid, user, group = _CREDENTIALS.unpack(data)
    groups = {group}
    with contextlib.suppress(OSError):  # more groups than fit: then the first one counts alone
        more = connection.getsockopt(socket.SOL_SOCKET, _SO_PEERGROUPS, _MAXIMUM_GROUPS_BYTES)
        groups.update(struct.unpack(f"={len(more) // 4}I", more))
    return Peer(pid, user, frozenset(groups))


def own_user_only() -> PeerRule:
    """Returns the rule that admits root and this process's own user."""
    users = frozenset({_ROOT, os.getuid()})
    return PeerRule(users, frozenset(), users)


def rule_of(settings: AccessSettings) -> tuple[PeerRule, tuple[str, ...]]:
    """Returns the rule by number, and what this computer does not know: a name without an account admits nobody."""
    own = own_user_only()
    unknown = []
    groups: frozenset[int] = frozenset()
    users, telemetry = own.users, own.telemetry_users
    try:
        groups = frozenset({grp.getgrnam(settings.group).gr_gid})
    except KeyError:
        unknown.append(f"access.group: there is no group {settings.group} on this computer")
    try:
        number = pwd.getpwnam(settings.telemetry_user).pw_uid
        users, telemetry = users | {number}, telemetry | {number}
    except KeyError:
        unknown.append(f"access.telemetry_user: there is no user {settings.telemetry_user} on this computer")
    return PeerRule(users, groups, telemetry), tuple(unknown)


def why_out_of_reach(settings: AccessSettings, socket_path: Path) -> tuple[str, ...]:
    """Returns why those who are admitted cannot come in, in words; nothing where they can. The controller, which is no member of
    their group, cannot give the socket to it. Raises OSError."""
    owner = socket_path.stat().st_gid
    try:
        admitted = grp.getgrnam(settings.group).gr_gid
    except KeyError:  # `rule_of` says that
        return ()
    if owner == admitted:
        return ()
    group = group_name(owner)
    return (
        f"access.group: members of {settings.group} cannot reach {socket_path}, which belongs to group {group}; "
        f'set it to "{group}" and make them members of that group',
    )


def group_name(number: int) -> str:
    """Returns a group's name; its number where it has none."""
    try:
        return grp.getgrgid(number).gr_name
    except KeyError:
        return str(number)
