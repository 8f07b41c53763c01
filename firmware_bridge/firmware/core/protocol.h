/* Bodies of frames: what host messages mean, what the drive's reports look like. docs/drive-protocol.md is the byte table. */
#ifndef STERNWAY_PROTOCOL_H
#define STERNWAY_PROTOCOL_H

#include <stdbool.h>
#include <stdint.h>

#define PROTOCOL_VERSION 1u

enum message_type {
    MESSAGE_HELLO = 0x01,
    MESSAGE_RUN = 0x02,
    MESSAGE_STOP = 0x03,
    MESSAGE_CLEAR = 0x04,
    MESSAGE_IDENT = 0x81,
    MESSAGE_STATUS = 0x82
};

enum { STOP_FLAG_CATEGORY_0 = 0x01 };

enum drive_target { TARGET_AVR = 1, TARGET_HOST = 2, TARGET_BOARD = 3 };

enum drive_state {
    STATE_IDLE = 0,
    STATE_GRANTED = 1,
    STATE_RUNNING = 2,
    STATE_BRAKING = 3,
    STATE_LATCHED = 4,
    STATE_FAULT = 5
};

enum fault_bit {
    FAULT_LEASE = 1u << 0,
    FAULT_STOP_INPUT = 1u << 1,
    FAULT_OVERSPEED = 1u << 2,
    FAULT_STALL = 1u << 3,
    FAULT_WRONG_DIRECTION = 1u << 4,
    FAULT_RELAY = 1u << 5,
    FAULT_START_STUCK = 1u << 6,
    FAULT_BRAKE = 1u << 7,
    FAULT_WATCHDOG = 1u << 8,
    FAULT_UNEXPECTED_MOTION = 1u << 9,
    FAULT_OVER_CURRENT = 1u << 10,
    FAULT_FASTER_STUCK = 1u << 11,
    FAULT_CONTACTOR = 1u << 12
};
/* These end with the next START; all others need a CLEAR first. */
#define FAULTS_ENDED_BY_START ((uint16_t)(FAULT_LEASE | FAULT_STOP_INPUT))

enum input_bit {
    INPUT_START = 1u << 0,
    INPUT_FASTER = 1u << 1,
    INPUT_STOP_HEALTHY = 1u << 2,
    INPUT_RELAY = 1u << 3,
    INPUT_CONTACTOR_1 = 1u << 4,
    INPUT_CONTACTOR_2 = 1u << 5
};

enum belt_direction { DIRECTION_REST = 0, DIRECTION_BACKWARD_GAIT = 1, DIRECTION_WRONG = 2 };

enum refusal {
    REFUSAL_NONE = 0,
    REFUSAL_STALE = 1,
    REFUSAL_NOT_GRANTED = 2,
    REFUSAL_ABOVE_GRANTED = 3,
    REFUSAL_ABOVE_CEILING = 4,
    REFUSAL_REPEATED = 5
};

/* A message of the host. Only the fields of its type are set; the others are 0. */
struct host_message {
    uint8_t type;
    uint8_t sequence;
    uint32_t nonce;
    uint32_t tick_ms;
    uint16_t target_mm_s;
    uint16_t acceleration_mm_s2;
    uint16_t deceleration_mm_s2;
    uint8_t flags;
};

struct ident_report {
    uint8_t target;
    uint32_t nonce;
};

struct status_report {
    uint32_t nonce;
    uint32_t tick_ms;
    uint8_t state;
    uint16_t measured_mm_s;
    uint8_t direction;
    uint16_t commanded_mm_s;
    uint16_t granted_mm_s;
    uint32_t distance_mm;
    uint16_t current_ma;
    uint16_t faults;
    uint8_t inputs;
    uint8_t refusal;
    uint8_t refusals;
    uint8_t echo_sequence;
};

/* False for anything that is not exactly one host message of this version. */
bool protocol_decode(const uint8_t *body, uint8_t length, struct host_message *message);

/* Both write a body of at most BODY_LIMIT bytes and return its length. The limits in IDENT are those of limits.h. */
uint8_t protocol_encode_ident(uint8_t sequence, const struct ident_report *report, uint8_t *body);
uint8_t protocol_encode_status(uint8_t sequence, const struct status_report *report, uint8_t *body);

#endif
