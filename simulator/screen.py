"""The demo's screen: the panel's display, the machine's state, the patient on the deck, the last events, and every key."""

from __future__ import annotations

from dataclasses import dataclass

from rich.align import Align
from rich.columns import Columns
from rich.console import Group, RenderableType
from rich.layout import Layout
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from controller.core.inputs import Input
from messages.wire import Snapshot
from simulator.heard import HeardEvent
from simulator.keys import KEYS
from simulator.patient import DECK_BEAM_M, Posture
from simulator.therapist import Lines, Therapist
from simulator.world import World

EVENTS_SHOWN = 9
_DECK_COLUMNS = 41
_BAR_COLUMNS = 18
_STYLE_OF_STATE = {
    "exercising": "bold black on green",
    "protective_stop": "bold white on red",
    "emergency_stop": "bold white on red",
    "fault": "bold white on red",
    "paused": "bold black on yellow",
    "prepared": "bold black on cyan",
}
_LAMPS = (("lamp_red", "RED", "bold white on red"), ("lamp_yellow", "YELLOW", "bold black on yellow"))
_CALLS = (("buzzer", "BUZZER", "reverse"), ("nurse_call", "NURSE CALL", "bold white on red"))
_GAIT = {Posture.ON_FEET: "o", Posture.FROZEN: "O", Posture.FALLING: "x", Posture.CATCHING: "~", Posture.SITTING: "u"}


@dataclass(frozen=True)
class View:
    """All that the screen shows."""

    world: World
    therapist: Therapist
    snapshot: Snapshot | None
    heard: bool
    lines: Lines
    outputs: dict[str, bool]
    events: list[HeardEvent]
    broker: str
    topics: str
    caption: str


def draw(view: View) -> Layout:
    """One frame."""
    port = view.broker.rsplit(":", 1)[-1]
    layout = Layout()
    layout.split_column(
        Layout(_state(view), size=3),
        Layout(name="middle", size=10),
        Layout(_deck(view), size=3),
        Layout(_events(view), minimum_size=3),
        Layout(_keys(), size=11),
        Layout(Text(f"broker {view.broker}   mosquitto_sub -p {port} -t '{view.topics}/#' -v", "dim"), size=1),
    )
    layout["middle"].split_row(Layout(_display(view), size=30), Layout(_numbers(view)))
    return layout


def _state(view: View) -> RenderableType:
    seen = view.snapshot
    if seen is None or not view.heard:
        return Panel(Align.center(Text("CONTROLLER NOT HEARD", "bold white on red")), title=view.caption)
    words = f"{seen.state.replace('_', ' ').upper()}  {seen.phase.replace('_', ' ').upper()}".strip()
    cause = f"   {seen.cause_text}" if seen.cause else ""
    return Panel(Align.center(Text(f" {words}{cause} ", _STYLE_OF_STATE.get(seen.state, "bold"))), title=view.caption)


def _display(view: View) -> RenderableType:
    glass = Text("\n".join(f" {line[:20]:<20} " for line in view.lines), "bold bright_green on black")
    lamps = Text()
    for name, text, style in _LAMPS + _CALLS:
        lamps.append(f" {text} ", style if view.outputs.get(name) else "dim")
        lamps.append("\n" if name == "lamp_yellow" else " ")
    return Panel(Group(glass, Text(), lamps), title="panel")


def _numbers(view: View) -> RenderableType:
    seen, world = view.snapshot, view.world
    table = Table.grid(padding=(0, 2))
    if seen is not None:
        table.add_row("asked", f"{seen.asked_speed_m_s:5.2f} m/s", "accepted", f"{seen.accepted_speed_m_s:5.2f} m/s")
        measured = "unknown" if seen.measured_speed_m_s is None else f"{seen.measured_speed_m_s:5.2f} m/s"
        table.add_row("measured", measured, "granted", f"{seen.granted_speed_m_s:5.2f} m/s")
    table.add_row("belt (true)", Text(f"{world.belt_m_s:5.2f} m/s", "bold"), "drive", seen.drive_state if seen is not None else "")
    load = "unknown" if seen is None or seen.load_n is None else f"{seen.load_n:6.0f} N"
    share = 0.0 if seen is None or seen.load_body_weight_percent is None else seen.load_body_weight_percent
    table.add_row("harness", load, _bar(share), f"{share:4.0f} % BW")
    contacts = world.contacts
    table.add_row("rails", _hand("left", contacts & Input.RAIL_LEFT.bit), _hand("right", contacts & Input.RAIL_RIGHT.bit), "")
    pedal = _hand("pedal", contacts & Input.ATTENDANT.bit)
    table.add_row("attendant", pedal, _hand("clip", contacts & Input.CLIP.bit), f"slack {world.strap.slack_m * 100:.1f} cm")
    autopilot = "does the routine" if view.therapist.works else "hands off"
    table.add_row("therapist", autopilot, "scan late", f"{seen.lateness_ms:.1f} ms" if seen is not None else "")
    return Panel(table, title="belt and patient")


def _hand(name: str, closed: int) -> Text:
    return Text(f"{name} {'●' if closed else '○'}", "green" if closed else "red")


def _bar(percent: float) -> Text:
    filled = min(_BAR_COLUMNS, int(percent / 100 * _BAR_COLUMNS))
    return Text("█" * filled + "·" * (_BAR_COLUMNS - filled), "red" if percent >= 30 else "green")


def _deck(view: View) -> RenderableType:
    """The deck from the side: rear end left, the patient faces right, the belt carries to the right."""
    patient = view.world.patient
    cells = [" "] * _DECK_COLUMNS
    beam = round(DECK_BEAM_M * 25)
    middle = _DECK_COLUMNS // 2
    cells[middle - beam], cells[middle + beam] = "|", "|"
    place = max(0, min(_DECK_COLUMNS - 1, middle + round(patient.x_m * 25)))
    if patient.posture is not Posture.AWAY:
        cells[place] = _GAIT.get(patient.posture, "o")
    arrows = ">" * min(9, int(view.world.belt_m_s * 20))
    return Panel(Text(f"rear {''.join(cells)} front   {patient.posture.value:<10} belt {arrows}"), title="deck")


def _events(view: View) -> RenderableType:
    table = Table.grid(padding=(0, 1))
    for event in view.events[-EVENTS_SHOWN:]:
        style = "red" if event.effect in ("protective_stop", "emergency_stop", "fault", "power_off") else ""
        table.add_row(Text(str(event.id), "dim"), Text(event.code, style), event.text)
    return Panel(table, title="events, as the broker delivers them")


def _keys() -> RenderableType:
    words = [Text.assemble((" space " if key.name == " " else f" {key.name} ", "reverse"), f" {key.text}") for key in KEYS.values()]
    words += [Text.assemble((" p ", "reverse"), " prepare a session"), Text.assemble((" q ", "reverse"), " quit")]
    return Panel(Columns(words, equal=True, expand=True), title="keys")
