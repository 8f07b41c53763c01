/* The reference drive on an ATmega328P at 16 MHz: hands bytes, contacts and counts to the core, and its outputs to the pins. */
#include <avr/interrupt.h>
#include <avr/sleep.h>
#include <avr/wdt.h>

#include "boot.h"
#include "clock.h"
#include "contacts.h"
#include "current_sensor.h"
#include "drive.h"
#include "encoder.h"
#include "motor.h"
#include "uart.h"

static struct drive drive;

static void start(void) {
    motor_start();
    bool after_failure = boot_begin();
    contacts_start();
    uint8_t noise = current_sensor_start();
    drive_init(&drive, (enum drive_target)DRIVE_TARGET, boot_nonce(noise), after_failure);
    encoder_start(); /* last: a belt that coasts while the EEPROM is written would fill one step with counts of many */
    uart_start();
    clock_start();
    sei();
}

static void step(void) {
    struct drive_inputs inputs;
    struct drive_outputs outputs;
    contacts_read(&inputs);
    inputs.encoder_counts = encoder_take_counts();
    inputs.current_ma = current_sensor_take_ma();
    drive_step_1ms(&drive, &inputs, &outputs);
    motor_set_duty(outputs.duty);
    motor_set_relay(outputs.relay_closed);
    if (!clock_lags()) {
        wdt_reset(); /* here only: the dog is fed by a finished step in time, never by mere running */
    }
}

static void receive(void) {
    uint8_t byte;
    if (uart_receive(&byte)) {
        drive_receive(&drive, byte);
    }
}

static void transmit(void) {
    uint8_t byte;
    while (uart_has_room() && drive_transmit(&drive, &byte)) {
        uart_send(byte);
    }
}

/* Between two interrupts there is nothing to do. The check and the sleep must not be parted by the interrupt waited for. */
static void sleep_until_interrupt(void) {
    cli();
    if (!uart_has_received() && !clock_has_ticked()) {
        sleep_enable();
        sei(); /* takes effect after the next instruction */
        sleep_cpu();
        sleep_disable();
    }
    sei();
}

int main(void) {
    start();
    set_sleep_mode(SLEEP_MODE_IDLE);
    for (;;) {
        if (clock_take_tick()) {
            step();
        }
        receive();
        transmit();
        sleep_until_interrupt();
    }
}
