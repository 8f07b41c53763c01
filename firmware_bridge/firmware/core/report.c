#include "report.h"

#include "limits.h"

void report_step(struct drive *drive) {
    struct transmitter *transmitter = &drive->transmitter;
    transmitter->status_timer_ms++;
    if (transmitter->status_timer_ms >= STATUS_PERIOD_MS) {
        transmitter->status_timer_ms = 0;
        transmitter->status_due = true;
    }
}

static uint8_t input_bits(const struct drive *drive) {
    const struct drive_inputs *inputs = &drive->inputs;
    uint8_t bits = 0;
    bits |= drive->start.closed ? INPUT_START : 0u;
    bits |= drive->faster.closed ? INPUT_FASTER : 0u;
    bits |= inputs->stop_input_closed ? INPUT_STOP_HEALTHY : 0u;
    bits |= inputs->relay_closed ? INPUT_RELAY : 0u;
    bits |= inputs->contactor_1_closed ? INPUT_CONTACTOR_1 : 0u;
    bits |= inputs->contactor_2_closed ? INPUT_CONTACTOR_2 : 0u;
    return bits;
}

/* Resolution of the window is 5 mm/s: less than that is rest. */
static enum belt_direction direction(int16_t speed_mm_s) {
    if (speed_mm_s == 0) {
        return DIRECTION_REST;
    }
    return speed_mm_s > 0 ? DIRECTION_BACKWARD_GAIT : DIRECTION_WRONG;
}

static uint8_t status_body(const struct drive *drive, uint8_t *body) {
    struct status_report report = {
        .nonce = drive->nonce,
        .tick_ms = drive->tick_ms,
        .state = (uint8_t)drive->state,
        .measured_mm_s = measurement_magnitude_mm_s(&drive->measurement),
        .direction = (uint8_t)direction(drive->measurement.speed_mm_s),
        .commanded_mm_s = motion_set_point_mm_s(&drive->motion),
        .granted_mm_s = drive->grant.ceiling_mm_s,
        .distance_mm = drive->measurement.distance_mm,
        .current_ma = drive->inputs.current_ma,
        .faults = drive->faults,
        .inputs = input_bits(drive),
        .refusal = drive->refusal,
        .refusals = drive->refusals,
        .echo_sequence = drive->echo_sequence,
    };
    return protocol_encode_status(drive->transmitter.sequence, &report, body);
}

static uint8_t ident_body(const struct drive *drive, uint8_t *body) {
    struct ident_report report = {.target = drive->target, .nonce = drive->nonce};
    return protocol_encode_ident(drive->transmitter.sequence, &report, body);
}

/* STATUS goes first: a host that asks for IDENT without end must not silence it. */
static bool load_next_frame(struct drive *drive) {
    struct transmitter *transmitter = &drive->transmitter;
    uint8_t body[BODY_LIMIT];
    uint8_t length;
    if (transmitter->status_due) {
        transmitter->status_due = false;
        length = status_body(drive, body);
    } else if (transmitter->ident_due) {
        transmitter->ident_due = false;
        length = ident_body(drive, body);
    } else {
        return false;
    }
    transmitter->sequence++;
    transmitter->length = frame_encode(body, length, transmitter->frame);
    transmitter->sent = 0;
    return true;
}

bool report_next_byte(struct drive *drive, uint8_t *byte) {
    struct transmitter *transmitter = &drive->transmitter;
    if (transmitter->sent >= transmitter->length && !load_next_frame(drive)) {
        return false;
    }
    *byte = transmitter->frame[transmitter->sent++];
    return true;
}
