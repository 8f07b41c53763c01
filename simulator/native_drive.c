/* The firmware's core, compiled for this machine, driving the simulated belt. */
#include "simulated_drive.h"

#include <stdlib.h>
#include <string.h>

#include "drive.h"
#include "limits.h"
#include "plant.h"
#include "wire.h"

/* What its HELLO says it is. Only hil_tests/vm builds one that says "a board", to stand where the panel's pins are the kernel's. */
#ifndef NATIVE_TARGET
#define NATIVE_TARGET TARGET_HOST
#endif

static const uint32_t STEP_US = 1000;
static const uint32_t LINE_BYTES_PER_S = 11520; /* 115200 baud, 8N1 */

struct simulated_drive {
    struct drive firmware;
    struct drive_outputs outputs;
    struct simulated_inputs inputs;
    struct plant plant;
    struct wire to_drive;
    struct wire from_drive;
    uint64_t time_us;
    uint64_t random;
    uint32_t since_step_us;
    uint32_t line_credit; /* byte times saved up, in 1/1000 byte */
    uint32_t resets;
    uint32_t hung_ms;
    bool hung;
};

int simulated_drive_abi(void) {
    return SIMULATED_DRIVE_ABI;
}

/* splitmix64: every call a new value, so no two boots of a drive share a nonce by chance of a bad seed. */
static uint32_t next_random(uint64_t *state) {
    *state += 0x9E3779B97F4A7C15u;
    uint64_t mixed = *state;
    mixed = (mixed ^ (mixed >> 30)) * 0xBF58476D1CE4E5B9u;
    mixed = (mixed ^ (mixed >> 27)) * 0x94D049BB133111EBu;
    return (uint32_t)(mixed >> 32);
}

static void boot(struct simulated_drive *drive, bool after_watchdog) {
    drive_init(&drive->firmware, NATIVE_TARGET, next_random(&drive->random), after_watchdog);
    drive->outputs = (struct drive_outputs){.relay_closed = false, .duty = 0};
    drive->hung = false;
    drive->resets++;
}

struct simulated_drive *simulated_drive_create(const char *firmware, uint64_t seed) {
    (void)firmware;
    struct simulated_drive *drive = calloc(1, sizeof *drive);
    if (drive == NULL) {
        return NULL;
    }
    drive->random = seed;
    boot(drive, false);
    return drive;
}

void simulated_drive_destroy(struct simulated_drive *drive) {
    free(drive);
}

uint32_t simulated_drive_write(struct simulated_drive *drive, const uint8_t *bytes, uint32_t length) {
    return wire_put_all(&drive->to_drive, bytes, length);
}

uint32_t simulated_drive_read(struct simulated_drive *drive, uint8_t *bytes, uint32_t capacity) {
    return wire_take_all(&drive->from_drive, bytes, capacity);
}

void simulated_drive_set_inputs(struct simulated_drive *drive, const struct simulated_inputs *inputs) {
    drive->inputs = *inputs;
    drive->plant.faults = faults_of(inputs);
}

void simulated_drive_get_outputs(const struct simulated_drive *drive, struct simulated_outputs *outputs) {
    *outputs = (struct simulated_outputs){
        .time_us = drive->time_us,
        .speed_m_s = drive->plant.speed_m_s,
        .position_m = drive->plant.position_m,
        .current_a = drive->plant.current_a,
        .duty = (double)drive->outputs.duty / DUTY_FULL,
        .relay_commanded = drive->outputs.relay_closed,
        .relay_closed = drive->plant.relay_closed,
        .resets = drive->resets,
        .unread = drive->from_drive.count,
    };
}

/* Both directions of the line carry as many bytes in a millisecond as 115200 baud lets through. */
static void exchange_bytes(struct simulated_drive *drive) {
    uint8_t byte;
    drive->line_credit += LINE_BYTES_PER_S;
    for (; drive->line_credit >= 1000u; drive->line_credit -= 1000u) {
        if (wire_take(&drive->to_drive, &byte) && !drive->hung) {
            drive_receive(&drive->firmware, byte);
        }
        if (!drive->hung && drive_transmit(&drive->firmware, &byte)) {
            wire_put_dropping_oldest(&drive->from_drive, byte);
        }
    }
}

static void step_firmware(struct simulated_drive *drive, int32_t counts) {
    const struct simulated_inputs *inputs = &drive->inputs;
    struct drive_inputs sampled = {
        .encoder_counts = (int16_t)counts,
        .current_ma = plant_current_ma(&drive->plant),
        .start_closed = inputs->start_closed,
        .faster_closed = inputs->faster_closed,
        .stop_input_closed = inputs->stop_input_closed,
        .relay_closed = read_back_of(inputs, &drive->plant),
        .contactor_1_closed = inputs->contactor_1_closed,
        .contactor_2_closed = inputs->contactor_2_closed,
    };
    drive_step_1ms(&drive->firmware, &sampled, &drive->outputs);
}

static void watch_hung_firmware(struct simulated_drive *drive) {
    drive->hung_ms++;
    if (drive->hung_ms >= WATCHDOG_MS) {
        boot(drive, true);
    }
}

static void step_1ms(struct simulated_drive *drive, double force_n, double drag_n) {
    struct plant_drive motor = {
        .duty = (double)drive->outputs.duty / DUTY_FULL,
        .relay_commanded = drive->outputs.relay_closed,
        .contactors_closed = drive->inputs.contactor_1_closed && drive->inputs.contactor_2_closed,
    };
    int32_t counts = plant_step_1ms(&drive->plant, &motor, force_n, drag_n);
    exchange_bytes(drive);
    if (drive->hung) {
        watch_hung_firmware(drive);
    } else {
        step_firmware(drive, counts);
    }
}

int simulated_drive_advance(struct simulated_drive *drive, uint32_t microseconds, double force_n, double drag_n,
                            struct simulated_outputs *outputs) {
    drive->since_step_us += microseconds;
    drive->time_us += microseconds;
    for (; drive->since_step_us >= STEP_US; drive->since_step_us -= STEP_US) {
        step_1ms(drive, force_n, drag_n);
    }
    simulated_drive_get_outputs(drive, outputs);
    return 0;
}

void simulated_drive_reset(struct simulated_drive *drive, int after_watchdog) {
    boot(drive, after_watchdog != 0);
}

void simulated_drive_hang(struct simulated_drive *drive) {
    drive->hung = true;
    drive->hung_ms = 0;
}
