#include "motor.h"

#include "board.h"
#include "limits.h"

_Static_assert(DUTY_FULL == 1023u, "10-bit fast PWM");

void motor_start(void) {
    PORTB &= (uint8_t)~(_BV(RELAY_BIT) | _BV(PWM_BIT));
    DDRB |= _BV(RELAY_BIT) | _BV(PWM_BIT);
    /* Fast PWM with the fixed TOP 0x3FF at 15.6 kHz; the output stays disconnected until there is a duty. */
    TCCR1A = _BV(WGM11) | _BV(WGM10);
    TCCR1B = _BV(WGM12) | _BV(CS10);
}

void motor_set_relay(bool closed) {
    if (closed) {
        PORTB |= _BV(RELAY_BIT);
    } else {
        PORTB &= (uint8_t)~_BV(RELAY_BIT);
    }
}

void motor_set_duty(uint16_t duty) {
    if (duty == 0u) {
        TCCR1A &= (uint8_t)~_BV(COM1A1); /* a compare value of 0 would still let one clock through */
        return;
    }
    OCR1A = duty;
    TCCR1A |= _BV(COM1A1);
}
