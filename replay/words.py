"""Times, inputs and decisions in the words of the people who read them."""

from __future__ import annotations

from controller.core.commands import Action, DriveCommand
from controller.core.events import Happening
from controller.core.inputs import Input
from controller.core.readings import DriveReading
from controller.core.state import Outputs, ScanInputs

_MS = 1_000_000


def command_words(command: DriveCommand) -> str:
    """Returns what is asked of the drive."""
    match command.action:
        case Action.RUN:
            return f"RUN {command.target_mm_s} mm/s at {command.rate_mm_s2} mm/s2"
        case Action.STOP:
            return f"STOP at {command.rate_mm_s2} mm/s2"
        case _:
            return command.action.name.replace("_", " ")


def happening_words(happening: Happening) -> str:
    """Returns the event's code and the numbers that say why."""
    detail = ", ".join(f"{key} {value}" for key, value in happening.detail)
    return f"{happening.event.value} ({detail})" if detail else happening.event.value


def indicator_words(outputs: Outputs) -> str:
    """Returns which indicators are on; empty where none is."""
    on = {
        "red lamp": outputs.lamp_red,
        "yellow lamp": outputs.lamp_yellow,
        "buzzer": outputs.buzzer,
        "nurse call": outputs.nurse_call,
    }
    return ", ".join(name for name, lit in on.items() if lit)


def input_words(inputs: ScanInputs, now_ns: int) -> tuple[str, ...]:
    """Returns one line for each kind of input of a scan."""
    closed = [name.name.lower() for name in Input if inputs.levels.closed & name.bit]
    edges = [name.name.lower() for name in Input if inputs.levels.edges & name.bit]
    samples = [f"{sample.counts} counts, {(now_ns - sample.measured_at_ns) / _MS:.1f} ms old" for sample in inputs.load_samples]
    return (
        f"closed: {', '.join(closed) or 'nothing'}",
        f"edges: {', '.join(edges) or 'none'}",
        f"harness load: {'; '.join(samples) or 'no new sample'}",
        f"drive: {_drive_words(inputs.drive, now_ns)}",
        f"requests: {', '.join(type(request).__name__.lower() for request in inputs.requests) or 'none'}",
        f"telemetry {'present' if inputs.telemetry_present else 'away'}, "
        f"display {'healthy' if inputs.display_healthy else 'lost'}, scan {inputs.lateness_ns / _MS:.2f} ms late",
    )


def _drive_words(drive: DriveReading | None, now_ns: int) -> str:
    if drive is None:
        return "not heard"
    age_ms = (now_ns - drive.received_at_ns) / _MS
    return (
        f"{drive.state.name.lower()}, measured {drive.measured_mm_s} mm/s, granted {drive.granted_mm_s} mm/s, "
        f"commanded {drive.commanded_mm_s} mm/s, {drive.direction.name.lower()}, faults {drive.faults}, {age_ms:.1f} ms old"
    )
