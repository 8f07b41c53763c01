/* After 49.7 days the drive's tick begins again at 0. A frame recorded one round ago must be as stale as any other.
 * Prints "refused" and exits 0 if it was; anything else is a failure. */
#include <stdio.h>

#include "drive.h"

enum { HEADER = 3, RUN_BODY = 15, SHORTLY_BEFORE_WRAP_MS = 50 };

static void put_u32(uint8_t *at, uint32_t value) {
    for (int i = 0; i < 4; i++) {
        at[i] = (uint8_t)(value >> (8 * i));
    }
}

static void send_run(struct drive *drive, uint8_t sequence, uint32_t nonce, uint32_t tick_ms) {
    uint8_t body[RUN_BODY] = {PROTOCOL_VERSION, MESSAGE_RUN, sequence, [11] = 50, [13] = 100};
    uint8_t frame[FRAME_LIMIT];
    put_u32(body + HEADER, nonce);
    put_u32(body + HEADER + 4, tick_ms);
    uint8_t length = frame_encode(body, RUN_BODY, frame);
    for (uint8_t i = 0; i < length; i++) {
        drive_receive(drive, frame[i]);
    }
}

static void pass_time(struct drive *drive, bool start_closed, unsigned milliseconds) {
    struct drive_inputs inputs = {.start_closed = start_closed, .stop_input_closed = true};
    struct drive_outputs outputs;
    for (; milliseconds > 0; milliseconds--) {
        inputs.relay_closed = drive->relay_commanded;
        drive_step_1ms(drive, &inputs, &outputs);
    }
}

int main(void) {
    static struct drive drive;
    drive_init(&drive, TARGET_HOST, 77, false);
    pass_time(&drive, false, 1100);
    drive.tick_ms = UINT32_MAX - SHORTLY_BEFORE_WRAP_MS;
    pass_time(&drive, true, 200);
    pass_time(&drive, false, 50);
    if (drive.state != STATE_GRANTED || drive.tick_ms > 1000) {
        printf("no grant across the wrap, state %d\n", (int)drive.state);
        return 1;
    }
    if (drive.nonce != 78) {
        printf("the next round has nonce %u\n", (unsigned)drive.nonce);
        return 1;
    }
    send_run(&drive, 1, 77, drive.tick_ms); /* what a host said one round ago */
    if (drive.state != STATE_GRANTED || drive.refusal != REFUSAL_STALE) {
        printf("accepted\n");
        return 1;
    }
    send_run(&drive, 2, drive.nonce, drive.tick_ms);
    printf(drive.state == STATE_RUNNING ? "refused\n" : "the fresh frame was refused too\n");
    return drive.state == STATE_RUNNING ? 0 : 1;
}
