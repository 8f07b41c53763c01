/* Every limit the reference drive keeps, in one place, with the range each may be built with.
 *
 * Units stand in the names. mm/s2 is also um/s a millisecond, which is what makes the ramp exact in integers.
 * Sources: docs/drive-protocol.md for the rules; a value without a rule there says here why it is what it is.
 */
#ifndef STERNWAY_LIMITS_H
#define STERNWAY_LIMITS_H

#include <stdint.h>

#define FIRMWARE_VERSION_MAJOR 0
#define FIRMWARE_VERSION_MINOR 1
#define FIRMWARE_VERSION_PATCH 0

/* The lease: proof of life from the host. It cannot be built out. */
#define LEASE_MS 150u
#define LEASE_DECELERATION_MM_S2 300u

/* Absolute ceilings. */
#define MAXIMUM_SPEED_MM_S 1600u
#define MAXIMUM_ACCELERATION_MM_S2 150u
#define MINIMUM_RISE_MM_S2 30u /* the gentlest controller asks for 45 */
#define MAXIMUM_DECELERATION_MM_S2 1500u
#define MINIMUM_STOP_DECELERATION_MM_S2 150u
#define STOP_INPUT_DECELERATION_MM_S2 1000u

/* What one press of a hand grants. */
#define FIRST_SPEED_MM_S 100u
#define INCREMENT_LOW_MM_S 50u
#define INCREMENT_HIGH_MM_S 100u
#define INCREMENT_BOUNDARY_MM_S 500u
#define GRANT_LIFE_MS 5000u
#define GRANT_REST_MS 500u
/* As long as the gentlest start needs from 0 to REST_SPEED_MM_S (1 s at 0.03 m/s2 and 0.05 m/s3), and as much again. */
#define GRANT_CREEP_MS 2000u

/* Push-buttons. */
#define DEBOUNCE_MS 10u
#define PRESS_MINIMUM_MS 50u
#define PRESS_MAXIMUM_MS 2000u
#define START_OPEN_BEFORE_MS 1000u
#define FASTER_OPEN_BEFORE_MS 50u

/* Rest. REST_PROOF_MS lets a braked belt drop its relay inside v/a + BRAKE_MARGIN_MS; STANDSTILL_MS is what a grant or a
 * CLEAR asks for. After a stall the encoder may be the culprit: then only the worst coasting time proves rest. */
#define REST_SPEED_MM_S 20
#define REST_PROOF_MS 100u
#define STANDSTILL_MS 1000u
#define COASTING_MS 10000u
#define BRAKE_MARGIN_MS 300u
#define RUN_TO_REST_MS 1000u /* a RUN to 0: from the set-point's rest to the belt's */

/* Supervision. */
#define OVERSPEED_MARGIN_MM_S 100
#define OVERSPEED_PERCENT 20u
#define OVERSPEED_MS 100u
/* A gross runaway gains about 0.6 m/s in 100 ms: it is cut sooner than the ordinary rule would. */
#define GROSS_OVERSPEED_MARGIN_MM_S 250
#define GROSS_OVERSPEED_PERCENT 50u
#define GROSS_OVERSPEED_MS 20u
#define STALL_SET_POINT_MM_S 80u
#define STALL_MS 500u
#define EFFORT_MS 1000u
#define WRONG_DIRECTION_MS 50u
#define WRONG_DIRECTION_MM 20
#define RELAY_FOLLOW_MS 100u
#define UNEXPECTED_MOTION_MS 100u
#define OVER_CURRENT_MA 15000u
#define OVER_CURRENT_MS 100u
/* After the STOP input has opened: the longest off-delay that the commissioning walk lets pass is braking time and 3 s. */
#define CONTACTORS_FALL_MS 5000u

/* Speed control. MOTOR_FULL_DUTY_MM_S is the belt speed of the unloaded motor at full duty; TRIM_MM_S bounds what the
 * controller may add to the feed-forward, so that a dead encoder cannot wind the motor up to full speed. */
#define DUTY_FULL 1023u
#define MOTOR_FULL_DUTY_MM_S 2400u
#define TRIM_MM_S 200
#define PROPORTIONAL_GAIN 1
#define INTEGRAL_SHIFT 8 /* integral gain 1/256 a millisecond = 3.9 a second */

/* Encoder and its averaging window: speed = counts in the window * SPEED_PER_COUNT_MM_S. */
#define ENCODER_UM_PER_COUNT 100
#define SPEED_WINDOW_MS 20
#define SPEED_PER_COUNT_MM_S (ENCODER_UM_PER_COUNT / SPEED_WINDOW_MS)
#define COUNTS_PER_MM (1000 / ENCODER_UM_PER_COUNT)
#define COUNTS_PER_STEP_LIMIT 300 /* 30 m/s: beyond any belt, and the window's sum stays inside 16 bits */

/* What a board may spend on its encoder in a millisecond: at most a third of the ATmega328P's time, so that no disturbance on the
 * line slows the steps down, and with them the lease. 10 m/s, far above any belt. */
#define ENCODER_INTERRUPTS_PER_STEP 100u

#define STATUS_PERIOD_MS 20u
#define WATCHDOG_MS 120u /* the hardware's setting; the simulated drive keeps the same */
#define CLOCK_LAG_MS 10u /* a step further behind the clock does not feed the watchdog: all times here would stretch */

_Static_assert(LEASE_MS >= 100u && LEASE_MS <= 250u, "the lease is 100..250 ms, never off");
_Static_assert(LEASE_DECELERATION_MM_S2 >= MINIMUM_STOP_DECELERATION_MM_S2, "lease loss brakes at least as hard as a stop");
_Static_assert(LEASE_DECELERATION_MM_S2 <= MAXIMUM_DECELERATION_MM_S2, "lease loss brakes within the ceiling");
_Static_assert(MAXIMUM_SPEED_MM_S >= 100u && MAXIMUM_SPEED_MM_S <= 2000u, "absolute speed ceiling");
_Static_assert(MINIMUM_RISE_MM_S2 >= 30u && MINIMUM_RISE_MM_S2 <= MAXIMUM_ACCELERATION_MM_S2, "a rise can be seen");
_Static_assert(MAXIMUM_ACCELERATION_MM_S2 <= 150u, "absolute acceleration ceiling");
_Static_assert(MAXIMUM_DECELERATION_MM_S2 <= 1500u, "harder braking tips the patient");
_Static_assert(STOP_INPUT_DECELERATION_MM_S2 <= MAXIMUM_DECELERATION_MM_S2, "STOP input brakes within the ceiling");
_Static_assert(MINIMUM_STOP_DECELERATION_MM_S2 >= 100u, "a stop stops, and v/a divides by this");
_Static_assert(FIRST_SPEED_MM_S > 0u && FIRST_SPEED_MM_S <= 100u, "first speed: stroke entry is 0.1 m/s");
_Static_assert(INCREMENT_LOW_MM_S <= 50u && INCREMENT_HIGH_MM_S <= 100u, "increments that one press may grant");
_Static_assert(INCREMENT_HIGH_MM_S * 1000L < (long)MINIMUM_RISE_MM_S2 * GRANT_LIFE_MS, "a press is used up in its life");
_Static_assert(FIRST_SPEED_MM_S * 1000L < (long)MINIMUM_RISE_MM_S2 * GRANT_LIFE_MS, "so is the first speed");
_Static_assert(GRANT_LIFE_MS >= 1000u && GRANT_LIFE_MS <= 5000u, "an unused grant dies");
_Static_assert(GRANT_REST_MS <= 500u && GRANT_CREEP_MS <= 2000u, "at rest a grant does not wait");
_Static_assert(START_OPEN_BEFORE_MS >= 1000u, "a START that was never open is not a press");
_Static_assert(DEBOUNCE_MS > 0u && DEBOUNCE_MS < PRESS_MINIMUM_MS, "debounce is shorter than a press");
_Static_assert(PRESS_MAXIMUM_MS <= 2000u, "longer is stuck");
_Static_assert(REST_PROOF_MS < BRAKE_MARGIN_MS, "a healthy stop proves rest before its deadline");
_Static_assert(RUN_TO_REST_MS >= BRAKE_MARGIN_MS && RUN_TO_REST_MS <= 1000u, "a belt that does not stop is noticed");
_Static_assert(STANDSTILL_MS >= 1000u && COASTING_MS > STANDSTILL_MS, "standstill is proven, not hoped for");
_Static_assert(WRONG_DIRECTION_MS <= 50u && OVERSPEED_MS <= 100u && STALL_MS <= 500u, "supervision times");
_Static_assert(RELAY_FOLLOW_MS <= 100u, "relay read-back");
_Static_assert(CONTACTORS_FALL_MS <= 10000u, "a welded contactor is found in a stop that a hand makes");
_Static_assert(CLOCK_LAG_MS + WATCHDOG_MS < 250u, "a board counts the milliseconds that wait in 8 bits");
_Static_assert(OVER_CURRENT_MA > 0u && OVER_CURRENT_MA < 60000u, "current fits 16 bits");
_Static_assert(MOTOR_FULL_DUTY_MM_S >= MAXIMUM_SPEED_MM_S + TRIM_MM_S, "the motor can reach the ceiling");
_Static_assert(ENCODER_UM_PER_COUNT % SPEED_WINDOW_MS == 0, "speed per count is a whole number");
_Static_assert(1000 % ENCODER_UM_PER_COUNT == 0, "counts a millimetre are a whole number");
_Static_assert(ENCODER_INTERRUPTS_PER_STEP <= 100u, "an interrupt takes some 50 of a millisecond's 16000 cycles");
_Static_assert((long)ENCODER_INTERRUPTS_PER_STEP * ENCODER_UM_PER_COUNT >= 3L * MAXIMUM_SPEED_MM_S, "a runaway is still measured");
_Static_assert((long)COUNTS_PER_STEP_LIMIT * SPEED_WINDOW_MS * SPEED_PER_COUNT_MM_S <= 32767L, "speed fits 16 bits");

#endif
