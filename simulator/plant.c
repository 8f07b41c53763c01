#include "plant.h"

#include <math.h>

/* A 120 V, 50 V s/m motor behind 1 ohm, with a drive that limits itself to 20 A: 2.4 m/s unloaded, 1 kN at most. Belt,
 * rollers and flywheel weigh 120 kg seen from the belt. With these a foot strike of 150 N dips the speed by 0.03 m/s under
 * the firmware's control, as in the recordings, and the unpowered belt coasts from 0.8 m/s to rest in about 1.5 s. */
static const double STEP_S = 0.001;
static const double MASS_KG = 120.0;
static const double SUPPLY_V = 120.0;
static const double MOTOR_V_S_M = 50.0; /* the same number is N/A */
static const double RESISTANCE_OHM = 1.0;
static const double CURRENT_LIMIT_A = 20.0;
static const double FRICTION_N = 50.0;
static const double VISCOUS_N_S_M = 20.0;
static const double ENCODER_M_PER_COUNT = 1e-4;
static const uint8_t RELAY_TRAVEL_MS = 8;

static void move_relay(struct plant *plant, bool commanded) {
    bool wanted = (commanded && !plant->faults.relay_open) || (plant->relay_closed && plant->faults.relay_welded);
    if (wanted == plant->relay_closed) {
        plant->relay_moving_ms = 0;
        return;
    }
    plant->relay_moving_ms++;
    if (plant->relay_moving_ms >= RELAY_TRAVEL_MS) {
        plant->relay_closed = wanted;
        plant->relay_moving_ms = 0;
    }
}

static double effective_duty(struct plant *plant, double duty) {
    if (plant->faults.motor_runaway) {
        return 1.0;
    }
    plant->held_duty = plant->faults.brake_failed ? fmax(plant->held_duty, duty) : duty;
    return plant->held_duty;
}

static double motor_force_n(struct plant *plant, double duty, bool powered) {
    double sense = plant->faults.motor_reversed ? -1.0 : 1.0;
    double back_emf_v = sense * MOTOR_V_S_M * plant->speed_m_s;
    double current_a = powered ? (duty * SUPPLY_V - back_emf_v) / RESISTANCE_OHM : 0.0;
    plant->current_a = fmin(fmax(current_a, -CURRENT_LIMIT_A), CURRENT_LIMIT_A);
    return sense * MOTOR_V_S_M * plant->current_a;
}

/* Friction takes away what the other forces and the motion leave, at most; it never turns the belt round. */
static void accelerate(struct plant *plant, double force_n, double friction_n) {
    double frictionless_m_s = plant->speed_m_s + (force_n - VISCOUS_N_S_M * plant->speed_m_s) / MASS_KG * STEP_S;
    double taken_m_s = fmin(fabs(frictionless_m_s), friction_n / MASS_KG * STEP_S);
    plant->speed_m_s = frictionless_m_s - copysign(taken_m_s, frictionless_m_s);
}

static int32_t read_encoder(struct plant *plant, double moved_m) {
    plant->encoder_m += moved_m * (1.0 - plant->faults.encoder_slip);
    int64_t counts = (int64_t)floor(plant->encoder_m / ENCODER_M_PER_COUNT);
    int32_t new_counts = (int32_t)(counts - plant->encoder_counts);
    plant->encoder_counts = counts;
    return new_counts;
}

int32_t plant_step_1ms(struct plant *plant, const struct plant_drive *drive, double force_n, double drag_n) {
    move_relay(plant, drive->relay_commanded);
    double duty = effective_duty(plant, drive->duty);
    bool powered = plant->relay_closed && drive->contactors_closed;
    double motor_n = motor_force_n(plant, duty, powered);
    accelerate(plant, motor_n + force_n, FRICTION_N + fmax(drag_n, 0.0));
    double moved_m = plant->speed_m_s * STEP_S;
    plant->position_m += moved_m;
    return read_encoder(plant, moved_m);
}

uint16_t plant_current_ma(const struct plant *plant) {
    return (uint16_t)(fabs(plant->current_a) * 1000.0);
}
