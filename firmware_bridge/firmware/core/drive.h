/* The reference drive: all its decisions, none of its pins. The HAL (or a simulation of it) calls these five functions.
 *
 * No globals, no heap, no float. One thread: drive_receive, drive_step_1ms and drive_transmit never run at the same time.
 */
#ifndef STERNWAY_DRIVE_H
#define STERNWAY_DRIVE_H

#include <stdbool.h>
#include <stdint.h>

#include "button.h"
#include "framing.h"
#include "grant.h"
#include "lease.h"
#include "measurement.h"
#include "motion.h"
#include "protocol.h"
#include "supervision.h"

struct drive_inputs {
    int16_t encoder_counts; /* since the last step; positive in the backward-gait direction */
    uint16_t current_ma;    /* magnitude */
    bool start_closed;
    bool faster_closed;
    bool stop_input_closed; /* closed is healthy */
    bool relay_closed;      /* read-back */
    bool contactor_1_closed;
    bool contactor_2_closed;
};

struct drive_outputs {
    bool relay_closed;
    uint16_t duty; /* 0..DUTY_FULL; 0 whenever the relay is open */
};

struct transmitter {
    uint8_t frame[FRAME_LIMIT];
    uint8_t length;
    uint8_t sent;
    uint8_t sequence;
    bool ident_due;
    bool status_due;
    uint8_t status_timer_ms;
};

struct drive {
    uint8_t target;
    uint32_t nonce;
    uint32_t tick_ms;
    enum drive_state state;
    uint16_t faults;
    bool relay_commanded;
    bool relay_has_closed; /* the read-back has confirmed it since it was commanded */
    bool rested;          /* standstill was proven since the relay opened */
    bool contactor_suspect; /* one did not fall: only both seen open, with the STOP input open, prove that they can */
    bool encoder_suspect; /* a stall may be the encoder's: its zero proves nothing until COASTING_MS after the relay opened */
    uint16_t relay_open_ms;
    uint16_t still_ms;    /* set-point 0 and measured at rest, while running */
    uint16_t creep_ms;    /* set-point below REST_SPEED_MM_S, while running */
    uint16_t runs_on_ms;  /* set-point 0 and measured in motion, while running */
    uint16_t brake_left_ms;
    uint8_t refusal;
    uint8_t refusals;
    uint8_t echo_sequence;
    uint16_t dropped_frames; /* wrong CRC, length, version or type; saturates */
    bool start_press_eligible;
    bool faster_press_eligible;
    struct drive_inputs inputs; /* as of the last step */
    struct button start;
    struct button faster;
    struct grant grant;
    struct lease lease;
    struct measurement measurement;
    struct motion motion;
    struct supervision supervision;
    struct frame_receiver receiver;
    struct transmitter transmitter;
};

/* `nonce` must differ from the last boot's. After a watchdog reset the drive starts in the fault state. */
void drive_init(struct drive *drive, enum drive_target target, uint32_t nonce, bool after_watchdog_reset);

void drive_receive(struct drive *drive, uint8_t byte);

void drive_step_1ms(struct drive *drive, const struct drive_inputs *inputs, struct drive_outputs *outputs);

/* The next byte to send, if any. */
bool drive_transmit(struct drive *drive, uint8_t *byte);

#endif
