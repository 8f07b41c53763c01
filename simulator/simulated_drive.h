/* What every simulated drive offers to Python: the native build and the AVR build under simavr speak the same ABI.
 *
 * simulator/drive.py mirrors the two structs; SIMULATED_DRIVE_ABI guards against a stale library.
 */
#ifndef STERNWAY_SIMULATED_DRIVE_H
#define STERNWAY_SIMULATED_DRIVE_H

#include <stdint.h>

#include "plant.h"

#define SIMULATED_DRIVE_ABI 2

/* What hands, the hardware chain and the test bench set. Each flag is 0 or 1. */
struct simulated_inputs {
    double encoder_slip;
    uint8_t start_closed;
    uint8_t faster_closed;
    uint8_t stop_input_closed;
    uint8_t contactor_1_closed;
    uint8_t contactor_2_closed;
    uint8_t relay_welded;
    uint8_t relay_open;
    uint8_t motor_runaway;
    uint8_t motor_reversed;
    uint8_t brake_failed;
    uint8_t read_back_broken; /* the wire of the relay's mirror contact: reads open, whatever the relay does */
};

/* What of the inputs is wrong with motor, encoder, relay and brake. */
static inline struct plant_faults faults_of(const struct simulated_inputs *inputs) {
    return (struct plant_faults){
        .encoder_slip = inputs->encoder_slip,
        .relay_welded = inputs->relay_welded,
        .relay_open = inputs->relay_open,
        .motor_runaway = inputs->motor_runaway,
        .motor_reversed = inputs->motor_reversed,
        .brake_failed = inputs->brake_failed,
    };
}

static inline bool read_back_of(const struct simulated_inputs *inputs, const struct plant *plant) {
    return plant->relay_closed && !inputs->read_back_broken;
}

/* The truth about the belt and the drive's outputs, not what the firmware believes. */
struct simulated_outputs {
    uint64_t time_us;
    double speed_m_s;
    double position_m;
    double current_a;
    double duty; /* 0..1, as the pins have it */
    uint8_t relay_commanded;
    uint8_t relay_closed;
    uint32_t resets; /* boots so far, the first one counted */
    uint32_t unread; /* bytes that the drive has sent and nobody has taken */
};

struct simulated_drive;

int simulated_drive_abi(void);

/* `firmware` is the ELF file of an AVR build; the native build takes no file and ignores it. NULL when it cannot start. */
struct simulated_drive *simulated_drive_create(const char *firmware, uint64_t seed);
void simulated_drive_destroy(struct simulated_drive *drive);

/* Queues bytes on the wire to the drive, at line rate. Returns how many found room. */
uint32_t simulated_drive_write(struct simulated_drive *drive, const uint8_t *bytes, uint32_t length);

/* Takes bytes that the drive has finished sending. Returns how many; the oldest are lost beyond 64 KiB unread. */
uint32_t simulated_drive_read(struct simulated_drive *drive, uint8_t *bytes, uint32_t capacity);

void simulated_drive_set_inputs(struct simulated_drive *drive, const struct simulated_inputs *inputs);
void simulated_drive_get_outputs(const struct simulated_drive *drive, struct simulated_outputs *outputs);

/* Simulated time goes on; `force_n` and `drag_n` as in plant.h act throughout. `outputs` gets the truth at its end: whoever lets
 * time go on looks at once, and one call costs half of two. Negative, and no outputs, on failure of the simulator. */
int simulated_drive_advance(struct simulated_drive *drive, uint32_t microseconds, double force_n, double drag_n,
                            struct simulated_outputs *outputs);

/* Power off and on, or (after_watchdog) a boot that finds the watchdog's mark. The belt keeps moving. */
void simulated_drive_reset(struct simulated_drive *drive, int after_watchdog);

/* The firmware stops running its loop, outputs frozen, until the hardware watchdog resets it. */
void simulated_drive_hang(struct simulated_drive *drive);

#endif
