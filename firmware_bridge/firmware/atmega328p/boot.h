/* What a boot needs before anything moves: the watchdog, why it booted, a nonce no boot before it had. */
#ifndef STERNWAY_BOOT_H
#define STERNWAY_BOOT_H

#include <stdbool.h>
#include <stdint.h>

/* Starts the 120 ms watchdog. True if the last reset was the watchdog's, or if there was none: a program that ran astray and came
 * to its beginning. Call first. */
bool boot_begin(void);

/* Counts the boot in EEPROM (14 ms). Two boots share a nonce only after 2^24 of them. */
uint32_t boot_nonce(uint8_t noise);

#endif
