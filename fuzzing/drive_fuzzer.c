/* libFuzzer on the drive's core: bytes are a script of what a host, hands and the belt do. The laws are checked at every millisecond.
 *
 * Bit 7 of an operation's byte clear: that many milliseconds pass. Set: bits 0-2 choose what happens, the next byte says how.
 */
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "drive.h"
#include "limits.h"

enum operation { HOST_BYTES, START, FASTER, STOP_INPUT, ENCODER, CURRENT, CONTACTORS, FRESH_RUN };

struct world {
    struct drive drive;
    struct drive_inputs inputs;
    struct drive_outputs outputs;
    bool started;   /* START was ever closed */
    uint32_t hands; /* presses of FASTER: each may grant one increment */
    uint8_t sequence;
};

static void finding(const char *what) {
    fprintf(stderr, "finding: %s\n", what);
    abort();
}

static void judge(const struct world *world) {
    if (world->outputs.duty > 0 && !world->outputs.relay_closed) finding("duty with the relay open");
    if (!world->started && (world->outputs.relay_closed || world->outputs.duty > 0)) finding("motion without START");
    uint32_t most = FIRST_SPEED_MM_S + world->hands * INCREMENT_HIGH_MM_S;
    if (motion_set_point_mm_s(&world->drive.motion) > most) finding("a set-point above what hands granted");
    if (motion_set_point_mm_s(&world->drive.motion) > MAXIMUM_SPEED_MM_S) finding("a set-point above the ceiling");
}

static void pass(struct world *world, unsigned milliseconds) {
    while (milliseconds-- > 0) {
        world->inputs.relay_closed = world->outputs.relay_closed;
        drive_step_1ms(&world->drive, &world->inputs, &world->outputs);
        uint8_t byte;
        while (drive_transmit(&world->drive, &byte)) {
        }
        judge(world);
    }
}

/* A RUN that is right in everything but perhaps its speed: random bytes alone hardly ever make one. */
static void fresh_run(struct world *world, uint8_t speed) {
    uint8_t body[3 + 12] = {PROTOCOL_VERSION, MESSAGE_RUN, world->sequence++};
    uint16_t target = (uint16_t)(speed * 8u), rate = 100;
    uint32_t nonce = world->drive.nonce, tick = world->drive.tick_ms;
    memcpy(body + 3, &nonce, 4);
    memcpy(body + 7, &tick, 4);
    memcpy(body + 11, &target, 2);
    memcpy(body + 13, &rate, 2);
    uint8_t frame[FRAME_LIMIT];
    uint8_t length = frame_encode(body, sizeof body, frame);
    for (uint8_t at = 0; at < length; at++) drive_receive(&world->drive, frame[at]);
}

static void act(struct world *world, uint8_t operation, uint8_t how) {
    bool closed = how & 1u;
    switch (operation & 7u) {
    case START: world->inputs.start_closed = closed; world->started |= closed; break;
    case FASTER: world->hands += closed && !world->inputs.faster_closed; world->inputs.faster_closed = closed; break;
    case STOP_INPUT: world->inputs.stop_input_closed = closed; break;
    case ENCODER: world->inputs.encoder_counts = (int8_t)how; break;
    case CURRENT: world->inputs.current_ma = (uint16_t)(how * 256u); break;
    case CONTACTORS: world->inputs.contactor_1_closed = closed; world->inputs.contactor_2_closed = (how >> 1) & 1u; break;
    case FRESH_RUN: fresh_run(world, how); break;
    default: drive_receive(&world->drive, how); break;
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    struct world world = {.inputs = {.stop_input_closed = true, .contactor_1_closed = true, .contactor_2_closed = true}};
    drive_init(&world.drive, TARGET_HOST, 0x5EED, false);
    for (size_t at = 0; at < size; at++) {
        if (!(data[at] & 0x80u)) {
            pass(&world, data[at] + 1u);
        } else if (at + 1 < size) {
            act(&world, data[at], data[at + 1]);
            at++;
        }
    }
    return 0;
}
