/* A stop gets the time that the faster of belt and set-point needs at its deceleration, and 300 ms more.
 * Prints one line a case: measured speed, set-point, deceleration, the milliseconds that braking was given. */
#include <stdio.h>

#include "states.h"

static void brake(int16_t measured_mm_s, uint32_t set_point_um_s, uint16_t deceleration_mm_s2) {
    static struct drive drive;
    drive_init(&drive, TARGET_HOST, 77, false);
    drive.state = STATE_RUNNING;
    drive.measurement.speed_mm_s = measured_mm_s;
    drive.motion.set_point_um_s = set_point_um_s;
    states_brake(&drive, deceleration_mm_s2);
    printf("%d %u %u %u\n", (int)measured_mm_s, (unsigned)set_point_um_s, (unsigned)deceleration_mm_s2, (unsigned)drive.brake_left_ms);
}

int main(void) {
    brake(500, 300000, 500);
    brake(-500, 300000, 500);
    brake(300, 600000, 300);
    brake(300, 300000, 150);
    brake(0, 0, 1000);
    brake(1600, 1500000, 150);
    return 0;
}
