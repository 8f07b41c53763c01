/* The firmware's core behind six functions, so that a test can be its wire, its clock and its START button. No belt: it stands still. */
#include "drive.h"

static struct drive drive;
static struct drive_inputs inputs;
static struct drive_outputs outputs;

void shim_boot(uint32_t nonce)
{
    inputs = (struct drive_inputs){.stop_input_closed = true};
    outputs = (struct drive_outputs){0};
    drive_init(&drive, TARGET_HOST, nonce, false);
}

void shim_start(bool closed) { inputs.start_closed = closed; }

void shim_receive(uint8_t byte) { drive_receive(&drive, byte); }

void shim_step_1ms(void)
{
    inputs.relay_closed = outputs.relay_closed;
    inputs.contactor_1_closed = outputs.relay_closed;
    inputs.contactor_2_closed = outputs.relay_closed;
    drive_step_1ms(&drive, &inputs, &outputs);
}

int shim_transmit(void)
{
    uint8_t byte;
    return drive_transmit(&drive, &byte) ? byte : -1;
}

unsigned shim_dropped_frames(void) { return drive.dropped_frames; }
