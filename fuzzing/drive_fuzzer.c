/* libFuzzer on the drive's core: bytes are a script of what a host, hands and the belt do, two to an operation. The host runs by
 * itself, as a controller does: random bytes alone hardly ever make a frame, and never a walk. The witness judges every millisecond.
 */
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "belt.h"
#include "drive.h"
#include "limits.h"
#include "witness.h"

enum operation {
    WAIT, HOST, TARGET, RATE, PRESS_START, PRESS_FASTER, START, FASTER, STOP_INPUT, STOP_FRAME, BYTE, ENCODER, CURRENT, CONTACTS,
    PUSH, SHORT_MESSAGE, OPERATIONS
};
/* How the host errs; bits 5-7 of its byte say how far back its look at the clock was, in steps of 40 ms. */
enum host_bit { HOST_ALIVE = 1, HOST_REPEATS = 2, HOST_OF_ANOTHER_BOOT = 4, HOST_GARBLES = 8, HOST_AHEAD = 16 };
enum { HOST_PERIOD_MS = 20, LONGEST_MS = 60000, NONCE = 0x5EED };

struct world {
    struct drive drive;
    struct drive_inputs inputs;
    struct drive_outputs outputs;
    struct belt belt;
    struct witness witness;
    uint32_t passed_ms;
    uint8_t host, sequence;
    uint16_t target_mm_s, rate_mm_s2;
};

static void put(uint8_t *at, uint32_t value, unsigned length) {
    for (; length > 0; length--, value >>= 8) *at++ = (uint8_t)value;
}

static void say(struct world *world, const uint8_t *body, uint8_t length, bool garbled) {
    uint8_t frame[FRAME_LIMIT];
    uint8_t written = frame_encode(body, length, frame);
    if (garbled) frame[written / 2u] ^= 0x10;
    for (uint8_t at = 0; at < written; at++) witness_line(&world->witness, &world->drive, frame[at]);
}

static void say_run(struct world *world) {
    uint8_t body[15] = {PROTOCOL_VERSION, MESSAGE_RUN, world->sequence};
    uint32_t look_ms = world->witness.now_ms - (world->host >> 5) * 40u;
    put(body + 3, NONCE + ((world->host & HOST_OF_ANOTHER_BOOT) ? 1u : 0u), 4);
    put(body + 7, (world->host & HOST_AHEAD) ? look_ms + 1000u : look_ms, 4);
    put(body + 11, world->target_mm_s, 2);
    put(body + 13, world->rate_mm_s2, 2);
    say(world, body, sizeof body, world->host & HOST_GARBLES);
    if (!(world->host & HOST_REPEATS)) world->sequence++;
}

static void say_stop(struct world *world, uint8_t how) {
    uint8_t body[6] = {PROTOCOL_VERSION, MESSAGE_STOP, world->sequence++};
    put(body + 3, (how >> 1) * 16u, 2);
    body[5] = how & STOP_FLAG_CATEGORY_0;
    say(world, body, sizeof body, false);
}

static void say_short(struct world *world, uint8_t how) {
    uint8_t body[3] = {PROTOCOL_VERSION, (how & 1u) ? MESSAGE_CLEAR : MESSAGE_HELLO, world->sequence++};
    say(world, body, sizeof body, how & 2u);
}

static void pass(struct world *world, uint32_t milliseconds) {
    for (; milliseconds > 0 && world->passed_ms < LONGEST_MS; milliseconds--, world->passed_ms++) {
        if ((world->host & HOST_ALIVE) && world->passed_ms % HOST_PERIOD_MS == 0) say_run(world);
        belt_step(&world->belt, &world->outputs, &world->inputs);
        witness_step(&world->witness, &world->drive, &world->inputs, &world->outputs);
        uint8_t byte;
        while (drive_transmit(&world->drive, &byte)) {
        }
    }
}

static void press(struct world *world, bool *contact, uint8_t how) {
    *contact = true;
    pass(world, how * 10u);
    *contact = false;
    pass(world, DEBOUNCE_MS);
}

static void act(struct world *world, uint8_t operation, uint8_t how) {
    struct drive_inputs *inputs = &world->inputs;
    switch (operation % OPERATIONS) {
    case WAIT: pass(world, how * 8u + 1u); break;
    case HOST: world->host = how; break;
    case TARGET: world->target_mm_s = (uint16_t)(how * 10u); break;
    case RATE: world->rate_mm_s2 = (uint16_t)(how * 10u); break;
    case PRESS_START: press(world, &inputs->start_closed, how); break;
    case PRESS_FASTER: press(world, &inputs->faster_closed, how); break;
    case START: inputs->start_closed = how & 1u; break;
    case FASTER: inputs->faster_closed = how & 1u; break;
    case STOP_INPUT: inputs->stop_input_closed = how & 1u; break;
    case STOP_FRAME: say_stop(world, how); break;
    case BYTE: witness_line(&world->witness, &world->drive, how); break;
    case ENCODER: world->belt.encoder_lies = how != 0; world->belt.encoder_says = (int8_t)how; break;
    case CURRENT: inputs->current_ma = (uint16_t)(how * 256u); break;
    case CONTACTS:
        world->belt.relay = (enum contact)(how % 3u);
        inputs->contactor_1_closed = !(how & 0x40u);
        inputs->contactor_2_closed = !(how & 0x80u);
        break;
    case PUSH: world->belt.speed_um_s += (int8_t)how * 16000; break;
    default: say_short(world, how); break;
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    if (size == 0) return -1;
    struct world world = {.inputs = {.stop_input_closed = true, .contactor_1_closed = true, .contactor_2_closed = true}};
    drive_init(&world.drive, TARGET_HOST, NONCE, data[0] & 1u);
    for (size_t at = 1; at + 1 < size; at += 2) act(&world, data[at], data[at + 1]);
    return 0;
}
