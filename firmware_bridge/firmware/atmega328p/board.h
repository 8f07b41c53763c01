/* Which pin does what. firmware/README.md shows the same table with the wiring. */
#ifndef STERNWAY_BOARD_H
#define STERNWAY_BOARD_H

#include <avr/io.h>

/* Port D: PD0 and PD1 are the UART. */
#define ENCODER_A_BIT PD2 /* INT0 */
#define ENCODER_B_BIT PD3
#define START_BIT PD4
#define FASTER_BIT PD5
#define STOP_INPUT_BIT PD6
#define RELAY_READBACK_BIT PD7

/* Port B */
#define PWM_BIT PB1 /* OC1A */
#define RELAY_BIT PB2

/* Port C */
#define CURRENT_CHANNEL 0
#define CONTACTOR_1_BIT PC1
#define CONTACTOR_2_BIT PC2
#define NOISE_CHANNEL 3 /* PC3, left open */

#endif
