"""Says in plain words how the treadmill is."""

from __future__ import annotations

from messages.wire import About, Snapshot

_SECOND_NS = 1_000_000_000


def status_lines(about: About, snapshot: Snapshot) -> tuple[str, ...]:
    """Returns what a person at a terminal wants to know, most important first."""
    return (
        f"{about.treadmill} at {about.clinic}, Sternway {about.version}",
        f"State: {_state(snapshot)}, for {_duration((snapshot.at_ns - snapshot.since_ns) / _SECOND_NS)}",
        *_cause(snapshot),
        f"Belt: {_belt(snapshot)}",
        f"Harness: {_load(snapshot)}",
        *_session(snapshot),
        *(f"Alarm ({priority}): {code}" for code, priority in snapshot.alarms),
        "Display:",
        *(f"  |{line:<20}|" for line in snapshot.display),
    )


def _state(snapshot: Snapshot) -> str:
    name = snapshot.state.replace("_", " ")
    return f"{name}, {snapshot.phase.replace('_', ' ')}" if snapshot.phase else name


def _cause(snapshot: Snapshot) -> tuple[str, ...]:
    if not snapshot.cause:
        return ()
    lines = [f"Reason: {snapshot.cause_text or snapshot.cause}"]
    if snapshot.remedy:
        lines.append(f"What to do: {snapshot.remedy}")
    return tuple(lines)


def _belt(snapshot: Snapshot) -> str:
    measured = "speed unknown" if snapshot.measured_speed_m_s is None else f"{snapshot.measured_speed_m_s:.2f} m/s measured"
    return f"{measured}, {snapshot.accepted_speed_m_s:.2f} m/s asked, {snapshot.granted_speed_m_s:.2f} m/s granted by hand"


def _load(snapshot: Snapshot) -> str:
    if snapshot.load_n is None or snapshot.load_body_weight_percent is None:
        return "load unknown"
    return f"{snapshot.load_n:.0f} N, {snapshot.load_body_weight_percent:.0f} % of body weight"


def _session(snapshot: Snapshot) -> tuple[str, ...]:
    if not snapshot.session:
        return ()
    left = f"{_duration(snapshot.phase_remaining_s)} left of this phase, {_duration(snapshot.session_remaining_s)} in all"
    walked = f"{snapshot.distance_m:.0f} m walked, {snapshot.balance_losses} losses of balance"
    return (f"Session: {snapshot.session} for {snapshot.patient}; {left}; {walked}",)


def _duration(seconds: float) -> str:
    whole = int(max(0.0, seconds))
    return f"{whole // 60} min {whole % 60} s" if whole >= 60 else f"{whole} s"
