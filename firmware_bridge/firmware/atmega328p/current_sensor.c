#include "current_sensor.h"

#include "board.h"

#define ZERO_CURRENT 512
#define MA_PER_STEP 122 /* 5 V / 1024 / 40 mV/A */

static void begin(uint8_t channel) {
    ADMUX = (uint8_t)(_BV(REFS0) | channel);
    ADCSRA = _BV(ADEN) | _BV(ADSC) | _BV(ADPS2) | _BV(ADPS1) | _BV(ADPS0); /* 125 kHz: 0.1 ms a conversion */
}

static void wait(void) {
    while (ADCSRA & _BV(ADSC)) {
    }
}

uint8_t current_sensor_start(void) {
    /* A broken wire would leave the input floating, at any reading, also at that of no current. The pull-up takes it to the supply,
     * far above any current; against the output of the sensor (some ohms, to its 20 kilohms or more) it weighs nothing. */
    PORTC |= _BV(CURRENT_CHANNEL);
    begin(NOISE_CHANNEL);
    wait();
    uint8_t noise = (uint8_t)(ADC & 0xFFu);
    begin(CURRENT_CHANNEL);
    wait();
    return noise;
}

uint16_t current_sensor_take_ma(void) {
    int16_t from_zero = (int16_t)((int16_t)ADC - ZERO_CURRENT);
    begin(CURRENT_CHANNEL);
    uint16_t magnitude = (uint16_t)(from_zero < 0 ? -from_zero : from_zero);
    return (uint16_t)(magnitude * MA_PER_STEP);
}
