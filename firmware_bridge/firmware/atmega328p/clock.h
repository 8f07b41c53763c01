/* The millisecond that the core steps by. */
#ifndef STERNWAY_CLOCK_H
#define STERNWAY_CLOCK_H

#include <stdbool.h>

void clock_start(void);

bool clock_has_ticked(void);

/* Takes one elapsed millisecond, if any. Those that waited are given out one by one: the core's time never loses any. */
bool clock_take_tick(void);

/* More than CLOCK_LAG_MS milliseconds wait: the steps take longer than the time they stand for. */
bool clock_lags(void);

#endif
