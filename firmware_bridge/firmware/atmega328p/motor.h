/* The two outputs: the motor's relay and its PWM. */
#ifndef STERNWAY_MOTOR_H
#define STERNWAY_MOTOR_H

#include <stdbool.h>
#include <stdint.h>

/* Relay open, PWM 0. External pull-downs hold the same while the chip is in reset. */
void motor_start(void);

void motor_set_relay(bool closed);

/* 0..1023 */
void motor_set_duty(uint16_t duty);

#endif
