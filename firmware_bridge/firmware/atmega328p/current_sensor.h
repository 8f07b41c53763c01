/* Motor current from a Hall sensor of 40 mV/A around half the supply (ACS758-050B or alike). */
#ifndef STERNWAY_CURRENT_SENSOR_H
#define STERNWAY_CURRENT_SENSOR_H

#include <stdint.h>

/* Takes the first sample, waiting for it (0.2 ms). Returns a few bits of noise from the open channel. */
uint8_t current_sensor_start(void);

/* The last conversion's magnitude in mA; starts the next one. A wire that is broken (by the pin's pull-up) or shorted to ground or
 * supply reads about 62 A: over-current. */
uint16_t current_sensor_take_ma(void);

#endif
