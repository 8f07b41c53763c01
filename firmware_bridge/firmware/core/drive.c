#include "drive.h"

#include "commands.h"
#include "limits.h"
#include "report.h"
#include "states.h"

/* Control C-SAFE-POWER-UP. */
void drive_init(struct drive *drive, enum drive_target target, uint32_t nonce, bool after_watchdog_reset) {
    *drive = (struct drive){
        .target = (uint8_t)target,
        .nonce = nonce,
        .state = after_watchdog_reset ? STATE_FAULT : STATE_IDLE,
        .faults = after_watchdog_reset ? FAULT_WATCHDOG : 0u,
    };
    button_reset(&drive->start);
    button_reset(&drive->faster);
    grant_revoke(&drive->grant);
    motion_halt(&drive->motion);
    frame_receiver_reset(&drive->receiver);
}

static void count_dropped(struct drive *drive) {
    if (drive->dropped_frames < UINT16_MAX) {
        drive->dropped_frames++;
    }
}

void drive_receive(struct drive *drive, uint8_t byte) {
    uint8_t body_length = 0;
    enum frame_event event = frame_receive(&drive->receiver, byte, &body_length);
    if (event == FRAME_NONE) {
        return;
    }
    struct host_message message;
    if (event == FRAME_COMPLETE && protocol_decode(drive->receiver.bytes, body_length, &message)) {
        command_obey(drive, &message);
    } else {
        count_dropped(drive);
    }
}

/* After 49.7 days the ticks begin again; a new nonce keeps frames of the last round stale. */
static void clock_step(struct drive *drive) {
    drive->tick_ms++;
    if (drive->tick_ms == 0u) {
        drive->nonce++;
    }
}

/* Control C-FRESH-START. */
static bool may_grant(const struct drive *drive) {
    bool waiting = drive->state == STATE_IDLE || drive->state == STATE_LATCHED;
    bool relay_open = !drive->inputs.relay_closed;
    return waiting && relay_open && drive->inputs.stop_input_closed && !states_has_latching_fault(drive) &&
           states_at_standstill(drive);
}

static void start_step(struct drive *drive) {
    enum button_event event = button_step(&drive->start, drive->inputs.start_closed, START_OPEN_BEFORE_MS);
    if (event == BUTTON_CLOSED) {
        drive->start_press_eligible = true;
    }
    /* The conditions must hold from closing to release: a press half before standstill is no fresh START. */
    drive->start_press_eligible = drive->start_press_eligible && may_grant(drive);
    if (event == BUTTON_PRESSED && drive->start_press_eligible) {
        states_grant(drive);
    }
    if (button_is_stuck(&drive->start) && (drive->faults & FAULT_START_STUCK) == 0u) {
        states_fault(drive, FAULT_START_STUCK);
    }
}

static void faster_step(struct drive *drive) {
    enum button_event event = button_step(&drive->faster, drive->inputs.faster_closed, FASTER_OPEN_BEFORE_MS);
    if (event == BUTTON_CLOSED) {
        drive->faster_press_eligible = true;
    }
    drive->faster_press_eligible = drive->faster_press_eligible && drive->state == STATE_RUNNING;
    if (event == BUTTON_PRESSED && drive->faster_press_eligible) {
        grant_increment(&drive->grant);
    }
    if (button_is_stuck(&drive->faster) && (drive->faults & FAULT_FASTER_STUCK) == 0u) {
        states_fault(drive, FAULT_FASTER_STUCK);
    }
}

/* With the STOP input closed the contactors are to be closed, and nothing tells a sound one from a welded one. */
static bool contactor_holds(struct drive *drive) {
    const struct drive_inputs *inputs = &drive->inputs;
    bool holds = inputs->contactor_1_closed || inputs->contactor_2_closed;
    if (!inputs->stop_input_closed && !holds) {
        drive->contactor_suspect = false;
    }
    return !inputs->stop_input_closed && holds;
}

/* Control C-ENCODER, C-RELAY-READ-BACK. */
static void supervise(struct drive *drive) {
    struct supervision_view view = {
        .relay_commanded = drive->relay_commanded,
        .relay_confirmed = drive->inputs.relay_closed,
        .rested = drive->rested,
        .effort_at_limit = motion_effort_is_at_limit(&drive->motion),
        .set_point_mm_s = motion_set_point_mm_s(&drive->motion),
        .measured_mm_s = drive->measurement.speed_mm_s,
        .counts = drive->measurement.counts,
        .current_ma = drive->inputs.current_ma,
        .contactor_holds = contactor_holds(drive),
    };
    uint16_t faults = supervision_step(&drive->supervision, &view);
    if (faults != 0u) {
        states_fault(drive, faults);
    }
}

/* The ramp waits for the relay's read-back: its contacts close without current, and no set-point runs ahead of the belt. Once
 * closed they count as closed until they are to open: PWM 0 for a read-back that chatters, or whose wire has broken, would
 * short-circuit the motor and brake a walking patient six times harder than any stop may. Supervision opens the relay in time. */
static void drive_belt(struct drive *drive, struct drive_outputs *outputs) {
    drive->relay_has_closed = drive->relay_commanded && (drive->relay_has_closed || drive->inputs.relay_closed);
    outputs->relay_closed = drive->relay_commanded;
    outputs->duty = 0;
    if (drive->relay_has_closed) {
        motion_ramp(&drive->motion);
        outputs->duty = motion_control(&drive->motion, drive->measurement.speed_mm_s);
    }
}

void drive_step_1ms(struct drive *drive, const struct drive_inputs *inputs, struct drive_outputs *outputs) {
    drive->inputs = *inputs;
    clock_step(drive);
    measurement_step(&drive->measurement, inputs->encoder_counts);
    states_step(drive);
    start_step(drive);
    faster_step(drive);
    if (!inputs->stop_input_closed) {
        states_stop_input(drive); /* at the first sample: a broken wire must not wait for a filter */
    }
    supervise(drive);
    drive_belt(drive, outputs);
    report_step(drive);
}

bool drive_transmit(struct drive *drive, uint8_t *byte) {
    return report_next_byte(drive, byte);
}
