/* A hostile host at full speed: random bytes, random bodies, wrong fields, true nonces and ticks, mutations, splices, replays.
 *
 *   hostile_host SEED FRAMES hands-off    nobody presses START (FASTER and the STOP input chatter): nothing may ever move
 *   hostile_host SEED FRAMES hands-on     hands press START and FASTER: nothing may move otherwise or beyond what they granted
 *
 * Prints one JSON object; exits 1 at the first violation, naming seed and frame so that it can be run again.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "drive.h"
#include "limits.h"

enum { POOL = 64, PACKET_LIMIT = 128, RUN_LENGTH = 15 };

struct packet {
    uint8_t bytes[PACKET_LIMIT];
    uint8_t length;
};

/* What the hands have done, kept apart from the firmware's own book-keeping. */
struct hands {
    uint32_t next_press_ms;
    uint32_t start_until_ms;
    uint32_t faster_until_ms;
    uint32_t stop_open_until_ms;
    bool start_was_closed;
    bool faster_was_closed;
    bool start_pressed; /* since the relay last opened */
    uint32_t presses_of_faster;
};

struct bench {
    struct drive drive;
    struct drive_inputs inputs;
    struct drive_outputs outputs;
    struct hands hands;
    struct packet pool[POOL];
    uint64_t random;
    uint32_t now_ms;
    uint32_t belt_um; /* travel not yet counted */
    uint32_t last_set_point_um_s;
    uint32_t still_ms; /* relay closed, set-point below what counts as motion */
    bool relay_was_closed;
    bool hands_on;
    uint8_t sequence;
    struct frame_receiver monitor;
    uint32_t reports;
    uint32_t starts;
    uint32_t accepted;
    uint32_t understood;
};

static struct bench bench;

static uint32_t dice(uint32_t sides) {
    bench.random ^= bench.random << 13;
    bench.random ^= bench.random >> 7;
    bench.random ^= bench.random << 17;
    return (uint32_t)((bench.random >> 24) % sides);
}

static uint8_t random_byte(void) {
    return (uint8_t)dice(256);
}

/* Values at the edges of their range, more often than chance would bring them. */
static uint32_t nasty_number(uint32_t limit) {
    static const uint32_t edges[] = {0, 1, 2, 99, 100, 101, 149, 150, 151, 1500, 1501, 1600, 1601, 0x7FFF, 0x8000, 0xFFFF, 0xFFFFFFFF};
    return dice(2) ? edges[dice(sizeof edges / sizeof *edges)] : dice(limit);
}

static void put_number(uint8_t *at, uint32_t value, int bytes) {
    for (int i = 0; i < bytes; i++) {
        at[i] = (uint8_t)(value >> (8 * i));
    }
}

static void random_bytes(struct packet *packet) {
    packet->length = (uint8_t)(1 + dice(80));
    for (uint8_t i = 0; i < packet->length; i++) {
        packet->bytes[i] = random_byte();
    }
    if (dice(4)) {
        packet->bytes[packet->length - 1u] = 0;
    }
}

static void frame_body(struct packet *packet, const uint8_t *body, uint8_t length) {
    packet->length = frame_encode(body, length, packet->bytes);
}

static void random_body(struct packet *packet) {
    static const uint8_t types[] = {0, 1, 2, 3, 4, 5, 0x81, 0x82, 0xFF};
    uint8_t body[BODY_LIMIT];
    for (uint8_t i = 0; i < sizeof body; i++) {
        body[i] = random_byte();
    }
    body[0] = dice(8) ? PROTOCOL_VERSION : random_byte();
    body[1] = types[dice(sizeof types)];
    frame_body(packet, body, (uint8_t)dice(BODY_LIMIT + 1u));
}

static void run_with(struct packet *packet, uint32_t nonce, uint32_t tick, uint32_t target, uint32_t acceleration) {
    uint8_t body[RUN_LENGTH] = {PROTOCOL_VERSION, MESSAGE_RUN, bench.sequence++};
    put_number(body + 3, nonce, 4);
    put_number(body + 7, tick, 4);
    put_number(body + 11, target, 2);
    put_number(body + 13, acceleration, 2);
    frame_body(packet, body, RUN_LENGTH);
}

static void wrong_run(struct packet *packet) {
    uint32_t nonce = dice(3) ? bench.drive.nonce : nasty_number(UINT32_MAX);
    uint32_t tick = dice(3) ? bench.drive.tick_ms - dice(300) : nasty_number(UINT32_MAX);
    run_with(packet, nonce, tick, nasty_number(2000), nasty_number(2000));
}

/* What a host that plays by the rules would send, yet wanting all it can get. */
static void greedy_run(struct packet *packet) {
    uint32_t target = dice(4) ? bench.drive.grant.ceiling_mm_s : dice(MAXIMUM_SPEED_MM_S + 1u);
    uint32_t acceleration = dice(4) ? MAXIMUM_ACCELERATION_MM_S2 : 1u + dice(MAXIMUM_ACCELERATION_MM_S2);
    run_with(packet, bench.drive.nonce, bench.drive.tick_ms, target, acceleration);
}

static void other_command(struct packet *packet) {
    uint8_t body[6] = {PROTOCOL_VERSION, MESSAGE_CLEAR, bench.sequence++};
    if (bench.hands_on && dice(200)) {
        body[1] = MESSAGE_HELLO; /* mostly: a belt that is always stopped would try nothing else */
    } else if (dice(2)) {
        body[1] = MESSAGE_STOP;
        put_number(body + 3, nasty_number(2000), 2);
        body[5] = random_byte();
        frame_body(packet, body, 6);
        return;
    }
    frame_body(packet, body, 3);
}

static void mutate(struct packet *packet) {
    *packet = bench.pool[dice(POOL)];
    if (packet->length == 0) {
        return;
    }
    switch (dice(4)) {
        case 0:
            packet->bytes[dice(packet->length)] ^= (uint8_t)(1u << dice(8));
            break;
        case 1:
            packet->length = (uint8_t)dice(packet->length);
            break;
        case 2:
            packet->bytes[dice(packet->length)] = random_byte();
            break;
        default: { /* the head of one frame and the tail of another */
            const struct packet *other = &bench.pool[dice(POOL)];
            uint8_t head = (uint8_t)dice(packet->length);
            uint8_t tail = (uint8_t)(other->length ? dice(other->length) : 0u);
            uint8_t room = (uint8_t)(PACKET_LIMIT - head);
            uint8_t taken = tail < room ? tail : room;
            memcpy(packet->bytes + head, other->bytes + other->length - taken, taken);
            packet->length = (uint8_t)(head + taken);
        }
    }
}

static void next_packet(struct packet *packet) {
    switch (dice(bench.hands_on ? 12 : 7)) {
        case 0:
            random_bytes(packet);
            break;
        case 1:
            random_body(packet);
            break;
        case 2:
            wrong_run(packet);
            break;
        case 3:
            mutate(packet);
            break;
        case 4:
            *packet = bench.pool[dice(POOL)]; /* a replay */
            break;
        case 5:
            other_command(packet);
            break;
        default:
            greedy_run(packet);
    }
    bench.pool[dice(POOL)] = *packet;
}

static void press_buttons(void) {
    struct hands *hands = &bench.hands;
    if (bench.now_ms >= hands->next_press_ms) {
        hands->next_press_ms = bench.now_ms + 1200 + dice(3000);
        if (bench.hands_on && dice(2)) {
            hands->start_until_ms = bench.now_ms + 20 + dice(2400);
        }
        hands->faster_until_ms = dice(2) ? bench.now_ms + 20 + dice(600) : 0;
        hands->stop_open_until_ms = dice(12) ? 0 : bench.now_ms + 1 + dice(50);
    }
    bool start_closed = bench.now_ms < hands->start_until_ms;
    bool faster_closed = bench.now_ms < hands->faster_until_ms;
    hands->start_pressed = hands->start_pressed || (hands->start_was_closed && !start_closed);
    hands->presses_of_faster += hands->faster_was_closed && !faster_closed;
    hands->start_was_closed = bench.inputs.start_closed = start_closed;
    hands->faster_was_closed = bench.inputs.faster_closed = faster_closed;
    bench.inputs.stop_input_closed = bench.now_ms >= hands->stop_open_until_ms;
}

/* A belt that does what it is told. */
static void follow(void) {
    bench.inputs.relay_closed = bench.outputs.relay_closed;
    if (!bench.outputs.relay_closed) {
        bench.belt_um = 0;
        bench.inputs.encoder_counts = 0;
        return;
    }
    bench.belt_um += bench.drive.motion.set_point_um_s / 1000u;
    bench.inputs.encoder_counts = (int16_t)(bench.belt_um / ENCODER_UM_PER_COUNT);
    bench.belt_um %= ENCODER_UM_PER_COUNT;
}

static const char *violation(void) {
    const struct hands *hands = &bench.hands;
    uint32_t set_point = bench.drive.motion.set_point_um_s;
    uint32_t granted_mm_s = FIRST_SPEED_MM_S + hands->presses_of_faster * INCREMENT_HIGH_MM_S;
    bool moves = bench.outputs.relay_closed || bench.outputs.duty != 0 || set_point != 0;
    if (moves && !bench.hands_on) {
        return "motion without START";
    }
    if (bench.outputs.relay_closed && !bench.relay_was_closed && !hands->start_pressed) {
        return "relay closed without a fresh START";
    }
    if (set_point > 1000u * granted_mm_s || set_point > 1000u * MAXIMUM_SPEED_MM_S) {
        return "set-point above what hands have granted";
    }
    if (set_point > bench.last_set_point_um_s + MAXIMUM_ACCELERATION_MM_S2) {
        return "set-point rises faster than the ceiling";
    }
    bool reached = set_point == 1000u * bench.drive.motion.target_mm_s;
    if (set_point > bench.last_set_point_um_s && set_point < bench.last_set_point_um_s + MINIMUM_RISE_MM_S2 && !reached) {
        return "a rise that is too slow to be seen";
    }
    if (bench.still_ms > GRANT_CREEP_MS + RELAY_FOLLOW_MS) {
        return "a belt that stands still keeps its grant";
    }
    if (!bench.outputs.relay_closed && bench.outputs.duty != 0) {
        return "duty with the relay open";
    }
    return NULL;
}

static void keep_book(void) {
    if (bench.relay_was_closed && !bench.outputs.relay_closed) {
        bench.hands.start_pressed = false;
        bench.hands.presses_of_faster = 0;
    }
    bool still = bench.outputs.relay_closed && bench.drive.motion.set_point_um_s < 1000u * REST_SPEED_MM_S;
    bench.still_ms = still ? bench.still_ms + 1u : 0u;
    bench.starts += bench.outputs.relay_closed && !bench.relay_was_closed;
    bench.relay_was_closed = bench.outputs.relay_closed;
    bench.last_set_point_um_s = bench.drive.motion.set_point_um_s;
}

/* Whatever comes in, what goes out must stay well-formed. */
static const char *check_reports(void) {
    uint8_t byte;
    while (drive_transmit(&bench.drive, &byte)) {
        uint8_t body_length = 0;
        enum frame_event event = frame_receive(&bench.monitor, byte, &body_length);
        if (event == FRAME_DROPPED) {
            return "malformed report";
        }
        bench.reports += event == FRAME_COMPLETE;
    }
    return NULL;
}

static const char *step(void) {
    bench.now_ms++;
    press_buttons();
    follow();
    drive_step_1ms(&bench.drive, &bench.inputs, &bench.outputs);
    const char *broken = violation();
    keep_book();
    return broken != NULL ? broken : check_reports();
}

static const char *attack(uint32_t frames) {
    for (uint32_t i = 0; i < frames; i++) {
        struct packet packet = {.length = 0};
        uint8_t refusals = bench.drive.refusals;
        uint16_t dropped = bench.drive.dropped_frames;
        uint8_t echo = bench.drive.echo_sequence;
        next_packet(&packet);
        for (uint8_t b = 0; b < packet.length; b++) {
            drive_receive(&bench.drive, packet.bytes[b]);
        }
        bench.understood += echo != bench.drive.echo_sequence && dropped == bench.drive.dropped_frames;
        bench.accepted += bench.drive.state == STATE_RUNNING && refusals == bench.drive.refusals;
        bench.drive.dropped_frames = 0;
        for (uint32_t ms = dice(4); ms > 0; ms--) {
            const char *broken = step();
            if (broken != NULL) {
                fprintf(stderr, "frame %" PRIu32 ": %s\n", i, broken);
                return broken;
            }
        }
    }
    return NULL;
}

int main(int count, char **argument) {
    if (count != 4) {
        return 2;
    }
    uint64_t seed = strtoull(argument[1], NULL, 10);
    uint32_t frames = (uint32_t)strtoul(argument[2], NULL, 10);
    bench.hands_on = strcmp(argument[3], "hands-on") == 0;
    bench.random = seed * 0x9E3779B97F4A7C15u + 1u;
    bench.inputs.stop_input_closed = true;
    drive_init(&bench.drive, TARGET_HOST, 0x5EED0000u + (uint32_t)seed, false);
    const char *broken = attack(frames);
    printf("{\"seed\": %" PRIu64 ", \"frames\": %" PRIu32 ", \"violation\": \"%s\", \"simulated_s\": %" PRIu32 ", \"starts\": %" PRIu32
           ", \"understood\": %" PRIu32 ", \"accepted_while_running\": %" PRIu32 ", \"reports\": %" PRIu32 "}\n",
           seed, frames, broken == NULL ? "" : broken, bench.now_ms / 1000u, bench.starts, bench.understood, bench.accepted,
           bench.reports);
    return broken == NULL ? 0 : 1;
}
