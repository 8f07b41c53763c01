#include "boot.h"

#include <avr/eeprom.h>
#include <avr/io.h>
#include <avr/wdt.h>

#include "limits.h"

_Static_assert(WATCHDOG_MS == 120u, "WDTO_120MS below");

static uint32_t EEMEM boots;

bool boot_begin(void) {
    uint8_t causes = MCUSR;
    MCUSR = 0; /* so that a start without a reset finds no cause */
    wdt_enable(WDTO_120MS);
    return causes == 0u || (causes & _BV(WDRF)) != 0;
}

/* Spreads the bits; one to one, so that different counts give different nonces. */
static uint32_t scatter(uint32_t value) {
    value ^= value >> 16;
    value *= 0x85EBCA6BUL;
    value ^= value >> 13;
    value *= 0xC2B2AE35UL;
    return value ^ (value >> 16);
}

/* The noise covers for an EEPROM that was erased or whose last write a power cut tore. */
uint32_t boot_nonce(uint8_t noise) {
    uint32_t boot = eeprom_read_dword(&boots) + 1u; /* erased reads as all ones: the first boot is 0 */
    eeprom_update_dword(&boots, boot);
    wdt_reset();
    return scatter((boot << 8) | noise);
}
