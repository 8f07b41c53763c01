/* Quadrature encoder on the belt's roller: every edge of channel A is a count of ENCODER_UM_PER_COUNT. */
#ifndef STERNWAY_ENCODER_H
#define STERNWAY_ENCODER_H

#include <stdint.h>

void encoder_start(void);

/* Counts since the last call, for each step; positive in the backward-gait direction, whichever way round that is built
 * (ENCODER_DIRECTION). A line that changed more often than ENCODER_INTERRUPTS_PER_STEP counts COUNTS_PER_STEP_LIMIT: how the belt
 * moved is unknown, and the core takes that for an overspeed. */
int16_t encoder_take_counts(void);

#endif
