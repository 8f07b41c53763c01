/* A belt behind the drive's outputs, in integers: enough of one that a healthy drive walks on it and every supervision can fail. */
#ifndef STERNWAY_FUZZING_BELT_H
#define STERNWAY_FUZZING_BELT_H

#include <stdbool.h>
#include <stdint.h>

#include "drive.h"

enum contact { CONTACT_FOLLOWS, CONTACT_STUCK_OPEN, CONTACT_STUCK_CLOSED };

struct belt {
    int32_t speed_um_s;
    int32_t travelled_nm; /* since the last count of the encoder */
    enum contact relay;
    int8_t encoder_says; /* counts a millisecond, instead of the belt's own */
    bool encoder_lies;
};

/* One millisecond under the drive's last outputs: fills in the encoder and the relay's read-back. */
void belt_step(struct belt *belt, const struct drive_outputs *outputs, struct drive_inputs *inputs);

#endif
