/* A witness beside the drive: sees contacts, encoder and line, and knows what docs/drive-protocol.md promises of them.
 *
 * It keeps upper bounds: what the drive may do at most, and when it must have done something at the latest. Times have MARGIN_MS of
 * slack, for the page does not say in which step of a millisecond a thing is done. A broken promise ends the process.
 */
#ifndef STERNWAY_FUZZING_WITNESS_H
#define STERNWAY_FUZZING_WITNESS_H

#include <stdbool.h>
#include <stdint.h>

#include "drive.h"
#include "heard.h"
#include "limits.h"

/* A push-button as a hand moves it, debounced. */
struct hand {
    bool closed;
    bool fresh; /* this press was begun, and has been held, under every condition that it needs */
    uint16_t disagreeing_ms;
    uint32_t open_ms;
    uint32_t closed_ms;
};

/* What hands have granted, at most. */
struct ceiling {
    uint16_t mm_s;
    uint16_t used_mm_s;
    uint16_t last_target_mm_s;
    uint32_t age_ms;
};

/* How long each has held without a break, in ms. */
struct lasting {
    uint32_t relay_open, resting, relay_disagrees, over, far_over, still, backwards, current;
    uint32_t stands, creeps, runs_on, free_motion;
};

struct witness {
    struct ear ear;
    struct hand start, faster;
    struct ceiling ceiling;
    struct lasting lasting;
    int16_t window[SPEED_WINDOW_MS];
    int32_t measured_mm_s;
    uint32_t now_ms;
    uint32_t since_accepted_ms;
    uint32_t peak_mm_s[2];   /* of speed and set-point: in this stretch of 64 ms, and in the one before */
    uint16_t brake_mm_s2;    /* the promise under which the belt slows; 0: none */
    uint32_t brake_left_ms;  /* to the opened relay */
    bool accepted_any, rested;
    uint8_t last_sequence;
};

/* One byte of the host's. */
void witness_line(struct witness *witness, struct drive *drive, uint8_t byte);

/* One millisecond. */
void witness_step(struct witness *witness, struct drive *drive, const struct drive_inputs *inputs, struct drive_outputs *outputs);

#endif
