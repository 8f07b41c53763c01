"""Says in plain words how the treadmill is."""

from __future__ import annotations

from controller.commissioning.readiness import REMEDIES
from messages.wire import About, Health, Snapshot

_SECOND_NS = 1_000_000_000


def status_lines(about: About, snapshot: Snapshot) -> tuple[str, ...]:
    """Returns what a person at a terminal wants to know, most important first."""
    return (
        f"{about.treadmill} at {about.clinic}, Sternway {about.version}",
        f"State: {_state(snapshot)}, for {_duration((snapshot.at_ns - snapshot.since_ns) / _SECOND_NS)}",
        *_cause(snapshot),
        f"Belt: {_belt(snapshot)}",
        f"Harness: {_load(snapshot)}",
        *_rails(snapshot),
        *_session(snapshot),
        *_readiness(snapshot),
        *_dates(about),
        f"Computer: {_health(snapshot.health)}",
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


def _rails(snapshot: Snapshot) -> tuple[str, ...]:
    """A line for each rail that has a load cell."""
    loads = (("left", "rail-left", snapshot.rail_left_load_n), ("right", "rail-right", snapshot.rail_right_load_n))
    lines = []
    for side, name, load_n in loads:
        if load_n is not None:
            lines.append(f"Hand on the {side} rail: {load_n:.0f} N")
        elif name in snapshot.rail_loads_unknown:
            lines.append(f"Hand on the {side} rail: load unknown, {snapshot.rail_loads_unknown[name]}")
    return tuple(lines)


def _session(snapshot: Snapshot) -> tuple[str, ...]:
    if not snapshot.session:
        return ()
    left = f"{_duration(snapshot.phase_remaining_s)} left of this phase, {_duration(snapshot.session_remaining_s)} in all"
    walked = f"{snapshot.distance_m:.0f} m walked, {snapshot.balance_losses} losses of balance"
    return (f"Session: {snapshot.session} for {snapshot.patient}; {left}; {walked}",)


def _readiness(snapshot: Snapshot) -> tuple[str, ...]:
    """The remedies are this program's; of a reason that it does not know, the words alone are said."""
    remedies = {reason.value: remedy for reason, remedy in REMEDIES.items()}
    return tuple(f"No patient yet: {words}" + (f"; {remedies[words]}" if words in remedies else "") for words in snapshot.unready)


def _dates(about: About) -> tuple[str, ...]:
    return tuple(
        f"{name.replace('_', '-').capitalize()}: {dates.made_at[:10]} by {dates.made_by}"
        f"{' (emulated)' if dates.emulated else ''}, due again {dates.due_at[:10]}"
        for name, dates in about.certificates.items()
    )


def _health(health: Health) -> str:
    if health == Health():
        return "not measured"
    measured = [
        f"{health.temperature_c:.0f} °C" if health.temperature_c is not None else "",
        f"{health.disk_free_mb:.0f} MB of disk free" if health.disk_free_mb is not None else "",
        _supply(health),
        _said(health.throttled, "SLOWED by heat or voltage", "full speed"),
        _said(health.clock_known, "clock set", "CLOCK NOT SET"),
    ]
    return ", ".join(words for words in measured if words)


def _supply(health: Health) -> str:
    if health.under_voltage is None:
        return "supply not measured"
    return (
        "UNDER-VOLTAGE now"
        if health.under_voltage
        else "under-voltage since the boot"
        if health.under_voltage_seen
        else "supply good"
    )


def _said(fact: bool | None, if_true: str, if_false: str) -> str:
    return "" if fact is None else if_true if fact else if_false


def _duration(seconds: float) -> str:
    whole = int(max(0.0, seconds))
    return f"{whole // 60} min {whole % 60} s" if whole >= 60 else f"{whole} s"
