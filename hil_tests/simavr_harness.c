/* The firmware's AVR build under simavr, in lockstep with the simulated belt: the ABI of simulator/simulated_drive.h. */
#include <math.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <avr_adc.h>
#include <avr_extint.h>
#include <avr_ioport.h>
#include <avr_uart.h>
#include <sim_avr.h>
#include <sim_elf.h>

#include "plant.h"
#include "simulated_drive.h"
#include "wire.h"

#define CLOCK_HZ 16000000u
#define CYCLES_PER_US 16u
#define CYCLES_PER_MS 16000u
/* simavr takes 11 bit times for a byte, at the firmware's 117647 baud: sent any faster, a flood would lose bytes inside simavr. */
#define CYCLES_PER_BYTE 1496u
#define RUN_LIMIT_CYCLES 400u /* the longest simavr may run or sleep on its own */
#define SUPPLY_MV 5000u
#define HURRIED_COMPARE 61u /* 250 us of 4 us each */

/* Data-space addresses of the ATmega328P's registers that the harness looks at (datasheet, register summary). */
enum { DDRB = 0x24, PORTB = 0x25, DDRC = 0x27, PORTC = 0x28, MCUSR = 0x54, TIMSK2 = 0x70, TCCR1A = 0x80, OCR1AL = 0x88, OCR1AH = 0x89, OCR2A = 0xB3 };
enum { PORF_BIT = 0, WDRF_BIT = 3, COM1A1_BIT = 7 };

/* The wiring, as in firmware/README.md. */
enum { PWM_BIT = 1, RELAY_BIT = 2 };
enum { ENCODER_A = 2, ENCODER_B = 3, START = 4, FASTER = 5, STOP_INPUT = 6, RELAY_READBACK = 7, CONTACTOR_1 = 1, CONTACTOR_2 = 2 };
enum { CURRENT_CHANNEL = 0, NOISE_CHANNEL = 3 };

struct simulated_drive {
    avr_t *avr;
    void (*core_reset)(struct avr_t *);
    avr_irq_t *uart_input;
    struct plant plant;
    struct simulated_inputs inputs;
    struct wire to_drive;
    struct wire from_drive;
    avr_ioport_external_t levels_c;
    avr_ioport_external_t levels_d;
    uint32_t noise_mv;
    bool current_wire_broken;
    unsigned broken_d; /* bits of port D whose wire is broken: the pull-up alone is left */
    uint32_t resets;
    bool was_reset;
    uint64_t now; /* cycles since the drive was made; the processor's own counter starts again at a reset */
    avr_cycle_count_t last_cycle;
    uint64_t target;
    uint64_t next_byte;
    uint64_t next_plant_step;
    uint64_t next_edge;
    uint32_t edge_interval;
    uint32_t edges_left;
    bool edges_forward;
    bool channel_b_is_due; /* of each count channel B goes first, half an interval before channel A */
    bool channel_a;
    uint32_t disturbance_interval; /* cycles between two disturbances of the encoder's line; 0: none */
    uint64_t next_disturbance;
    double force_n;
    double drag_n;
};

/* Beyond the ABI of all simulated drives: only this one has the wires. */
void simavr_break_current_wire(struct simulated_drive *drive);

/* The motor's switching couples into the wire of encoder channel A: so many pulses a second, each over before the firmware
 * can look. 0 ends it. */
void simavr_disturb_encoder(struct simulated_drive *drive, uint32_t pulses_per_s);

/* One of the encoder's two wires breaks, for good. */
void simavr_break_encoder_wire(struct simulated_drive *drive, int is_channel_b);

/* The timer's milliseconds come four times as fast, until the next reset: more steps than the processor has time for. */
void simavr_hurry_clock(struct simulated_drive *drive);

/* The program runs astray and begins again at address 0, without a reset. */
void simavr_jump_to_start(struct simulated_drive *drive);

int simulated_drive_abi(void) {
    return SIMULATED_DRIVE_ABI;
}

static void stay_awake(avr_t *avr, avr_cycle_count_t cycles) {
    (void)avr;
    (void)cycles; /* simavr would sleep in real time here */
}

static void keep_quiet(avr_t *avr, const int level, const char *format, va_list arguments) {
    if (level == LOG_ERROR && avr != NULL) {
        vfprintf(stderr, format, arguments);
    }
}

static void note_reset(avr_t *avr) {
    struct simulated_drive *drive = avr->custom.data;
    drive->resets++;
    drive->was_reset = true;
    if (drive->core_reset != NULL) {
        drive->core_reset(avr);
    }
}

static void byte_sent(struct avr_irq_t *irq, uint32_t value, void *parameter) {
    (void)irq;
    struct simulated_drive *drive = parameter;
    wire_put_dropping_oldest(&drive->from_drive, (uint8_t)value);
}

/* Also tells the port, because simavr applies its pull-ups anew whenever the firmware writes the port. */
static void set_level(struct simulated_drive *drive, avr_ioport_external_t *levels, int bit, bool high) {
    unsigned mask = 1u << bit;
    high = high || (levels == &drive->levels_d && (drive->broken_d & mask) != 0);
    char port = (char)levels->name;
    levels->mask = (levels->mask | mask) & 0xFFu;
    levels->value = ((levels->value & ~mask) | (high ? mask : 0u)) & 0xFFu;
    avr_ioctl(drive->avr, (uint32_t)AVR_IOCTL_IOPORT_SET_EXTERNAL(port), levels);
    avr_raise_irq(avr_io_getirq(drive->avr, (uint32_t)AVR_IOCTL_IOPORT_GETIRQ(port), bit), high);
}

/* A reset clears the pin registers, yet the interrupt requests still hold their values and would filter equal ones out. */
static void forget_levels(struct simulated_drive *drive, const avr_ioport_external_t *levels) {
    for (int bit = 0; bit < 8; bit++) {
        avr_io_getirq(drive->avr, (uint32_t)AVR_IOCTL_IOPORT_GETIRQ(levels->name), bit)->flags |= IRQ_FLAG_INIT;
    }
}

static void apply_contacts(struct simulated_drive *drive) {
    const struct simulated_inputs *inputs = &drive->inputs;
    set_level(drive, &drive->levels_d, START, !inputs->start_closed);
    set_level(drive, &drive->levels_d, FASTER, !inputs->faster_closed);
    set_level(drive, &drive->levels_d, STOP_INPUT, !inputs->stop_input_closed);
    set_level(drive, &drive->levels_d, RELAY_READBACK, !read_back_of(&drive->inputs, &drive->plant));
    set_level(drive, &drive->levels_c, CONTACTOR_1, !inputs->contactor_1_closed);
    set_level(drive, &drive->levels_c, CONTACTOR_2, !inputs->contactor_2_closed);
}

/* A pin that nothing drives follows its pull-up; without one it may stand at any voltage, the worst of which says "no current". */
static double current_sensor_mv(const struct simulated_drive *drive) {
    if (!drive->current_wire_broken) {
        return SUPPLY_MV / 2.0 + drive->plant.current_a * 40.0;
    }
    const uint8_t *data = drive->avr->data;
    bool pulled_up = ((data[PORTC] & ~data[DDRC]) >> CURRENT_CHANNEL) & 1u;
    return pulled_up ? SUPPLY_MV : SUPPLY_MV / 2.0;
}

static void apply_analog(struct simulated_drive *drive) {
    double current_mv = current_sensor_mv(drive);
    avr_t *avr = drive->avr;
    avr_raise_irq(avr_io_getirq(avr, AVR_IOCTL_ADC_GETIRQ, ADC_IRQ_ADC0 + CURRENT_CHANNEL), (uint32_t)current_mv);
    avr_raise_irq(avr_io_getirq(avr, AVR_IOCTL_ADC_GETIRQ, ADC_IRQ_ADC0 + NOISE_CHANNEL), drive->noise_mv);
}

static void reconnect(struct simulated_drive *drive) {
    avr_t *avr = drive->avr;
    uint32_t flags = 0;
    drive->was_reset = false;
    drive->noise_mv = (drive->noise_mv * 73u + 1009u) % SUPPLY_MV;
    avr_ioctl(avr, (uint32_t)AVR_IOCTL_UART_SET_FLAGS('0'), &flags);
    /* Else a line that is low at a reset keeps interrupting by level, whatever the firmware asks for afterwards. */
    avr_extint_set_strict_lvl_trig(avr, 0, 0);
    forget_levels(drive, &drive->levels_c);
    forget_levels(drive, &drive->levels_d);
    apply_contacts(drive);
    set_level(drive, &drive->levels_d, ENCODER_A, drive->channel_a);
    apply_analog(drive);
}

static avr_t *make_processor(const char *firmware) {
    elf_firmware_t image;
    memset(&image, 0, sizeof image);
    avr_global_logger_set(keep_quiet);
    if (firmware == NULL || elf_read_firmware(firmware, &image) != 0) {
        return NULL;
    }
    avr_t *avr = avr_make_mcu_by_name("atmega328p");
    if (avr == NULL || avr_init(avr) != 0) {
        return NULL;
    }
    avr_load_firmware(avr, &image);
    avr->frequency = CLOCK_HZ;
    avr->vcc = avr->avcc = avr->aref = SUPPLY_MV;
    avr->sleep = stay_awake;
    return avr;
}

struct simulated_drive *simulated_drive_create(const char *firmware, uint64_t seed) {
    struct simulated_drive *drive = calloc(1, sizeof *drive);
    avr_t *avr = drive == NULL ? NULL : make_processor(firmware);
    if (avr == NULL) {
        free(drive);
        return NULL;
    }
    drive->avr = avr;
    drive->levels_c.name = 'C';
    drive->levels_d.name = 'D';
    drive->noise_mv = (uint32_t)(seed % SUPPLY_MV);
    drive->inputs = (struct simulated_inputs){.stop_input_closed = 1, .contactor_1_closed = 1, .contactor_2_closed = 1};
    drive->core_reset = avr->reset;
    drive->next_plant_step = CYCLES_PER_MS;
    avr->custom.data = drive;
    avr->reset = note_reset;
    drive->uart_input = avr_io_getirq(avr, (uint32_t)AVR_IOCTL_UART_GETIRQ('0'), UART_IRQ_INPUT);
    avr_irq_register_notify(avr_io_getirq(avr, (uint32_t)AVR_IOCTL_UART_GETIRQ('0'), UART_IRQ_OUTPUT), byte_sent, drive);
    simulated_drive_reset(drive, 0);
    return drive;
}

void simulated_drive_destroy(struct simulated_drive *drive) {
    avr_terminate(drive->avr);
    free(drive->avr);
    free(drive);
}

uint32_t simulated_drive_write(struct simulated_drive *drive, const uint8_t *bytes, uint32_t length) {
    if (drive->to_drive.count == 0 && drive->next_byte < drive->now + CYCLES_PER_BYTE) {
        drive->next_byte = drive->now + CYCLES_PER_BYTE;
    }
    return wire_put_all(&drive->to_drive, bytes, length);
}

uint32_t simulated_drive_read(struct simulated_drive *drive, uint8_t *bytes, uint32_t capacity) {
    return wire_take_all(&drive->from_drive, bytes, capacity);
}

void simulated_drive_set_inputs(struct simulated_drive *drive, const struct simulated_inputs *inputs) {
    drive->inputs = *inputs;
    drive->plant.faults = faults_of(inputs);
    apply_contacts(drive);
}

static bool pin_is_driven_high(const avr_t *avr, int bit) {
    return ((avr->data[PORTB] & avr->data[DDRB]) >> bit) & 1u;
}

static double duty(const avr_t *avr) {
    bool connected = (avr->data[TCCR1A] >> COM1A1_BIT) & 1u;
    bool output = (avr->data[DDRB] >> PWM_BIT) & 1u;
    unsigned compare = (unsigned)avr->data[OCR1AH] << 8 | avr->data[OCR1AL];
    return connected && output ? compare / 1023.0 : 0.0;
}

void simulated_drive_get_outputs(const struct simulated_drive *drive, struct simulated_outputs *outputs) {
    *outputs = (struct simulated_outputs){
        .time_us = drive->now / CYCLES_PER_US,
        .speed_m_s = drive->plant.speed_m_s,
        .position_m = drive->plant.position_m,
        .current_a = drive->plant.current_a,
        .duty = duty(drive->avr),
        .relay_commanded = pin_is_driven_high(drive->avr, RELAY_BIT),
        .relay_closed = drive->plant.relay_closed,
        .resets = drive->resets,
        .unread = drive->from_drive.count,
    };
}

static void step_plant(struct simulated_drive *drive) {
    struct plant_drive motor = {
        .duty = duty(drive->avr),
        .relay_commanded = pin_is_driven_high(drive->avr, RELAY_BIT),
        .contactors_closed = drive->inputs.contactor_1_closed && drive->inputs.contactor_2_closed,
    };
    int32_t counts = plant_step_1ms(&drive->plant, &motor, drive->force_n, drive->drag_n);
    drive->edges_forward = counts > 0;
    drive->edges_left = (uint32_t)abs(counts);
    drive->edge_interval = drive->edges_left > 0 ? CYCLES_PER_MS / (2u * drive->edges_left + 1u) : 0;
    drive->channel_b_is_due = true;
    drive->next_edge = drive->now + drive->edge_interval;
    set_level(drive, &drive->levels_d, RELAY_READBACK, !read_back_of(&drive->inputs, &drive->plant));
    apply_analog(drive);
}

/* The firmware counts when A changes, forward where the two then differ. */
static void encoder_edge(struct simulated_drive *drive) {
    if (drive->channel_b_is_due) {
        set_level(drive, &drive->levels_d, ENCODER_B, drive->channel_a == drive->edges_forward);
    } else {
        drive->channel_a = !drive->channel_a;
        set_level(drive, &drive->levels_d, ENCODER_A, drive->channel_a);
        drive->edges_left--;
    }
    drive->channel_b_is_due = !drive->channel_b_is_due;
    drive->next_edge += drive->edge_interval;
}

static void disturb_encoder(struct simulated_drive *drive) {
    set_level(drive, &drive->levels_d, ENCODER_A, !drive->channel_a);
    set_level(drive, &drive->levels_d, ENCODER_A, drive->channel_a);
    drive->next_disturbance += drive->disturbance_interval;
}

static void deliver_byte(struct simulated_drive *drive) {
    uint8_t byte;
    if (wire_take(&drive->to_drive, &byte)) {
        avr_raise_irq(drive->uart_input, byte);
    }
    drive->next_byte += CYCLES_PER_BYTE;
}

static uint64_t next_event(const struct simulated_drive *drive) {
    uint64_t event = drive->target < drive->next_plant_step ? drive->target : drive->next_plant_step;
    if (drive->to_drive.count > 0 && drive->next_byte < event) {
        event = drive->next_byte;
    }
    if (drive->disturbance_interval > 0 && drive->next_disturbance < event) {
        event = drive->next_disturbance;
    }
    return drive->edges_left > 0 && drive->next_edge < event ? drive->next_edge : event;
}

static void handle_due_events(struct simulated_drive *drive) {
    if (drive->to_drive.count > 0 && drive->now >= drive->next_byte) {
        deliver_byte(drive);
    }
    if (drive->edges_left > 0 && drive->now >= drive->next_edge) {
        encoder_edge(drive);
    }
    if (drive->disturbance_interval > 0 && drive->now >= drive->next_disturbance) {
        disturb_encoder(drive);
    }
    if (drive->now >= drive->next_plant_step) {
        drive->next_plant_step += CYCLES_PER_MS;
        step_plant(drive);
    }
}

static avr_cycle_count_t wake_up(avr_t *avr, avr_cycle_count_t when, void *parameter) {
    (void)avr;
    (void)when;
    (void)parameter;
    return 0; /* once */
}

static bool run_until(struct simulated_drive *drive, uint64_t event) {
    avr_t *avr = drive->avr;
    if (drive->now < event) {
        /* simavr sleeps through to its own next timer, whatever its run limit says: without one of ours edges would come late. */
        avr_cycle_timer_register(avr, event - drive->now, wake_up, NULL);
    }
    while (drive->now < event) {
        int state = avr_run(avr);
        if (state == cpu_Done || state == cpu_Crashed) {
            return false;
        }
        drive->now += avr->cycle >= drive->last_cycle ? avr->cycle - drive->last_cycle : avr->cycle;
        drive->last_cycle = avr->cycle;
        if (drive->was_reset) {
            reconnect(drive);
        }
    }
    return true;
}

int simulated_drive_advance(struct simulated_drive *drive, uint32_t microseconds, double force_n, double drag_n,
                            struct simulated_outputs *outputs) {
    drive->force_n = force_n;
    drive->drag_n = drag_n;
    drive->target += (uint64_t)microseconds * CYCLES_PER_US;
    while (drive->now < drive->target) {
        if (!run_until(drive, next_event(drive))) {
            return -1;
        }
        handle_due_events(drive);
    }
    simulated_drive_get_outputs(drive, outputs);
    return 0;
}

void simulated_drive_reset(struct simulated_drive *drive, int after_watchdog) {
    avr_reset(drive->avr);
    drive->last_cycle = drive->avr->cycle;
    drive->avr->data[MCUSR] = (uint8_t)(1u << (after_watchdog ? WDRF_BIT : PORF_BIT));
    reconnect(drive);
}

/* Without the tick's interrupt the loop waits for ever, and nothing feeds the watchdog. */
void simulated_drive_hang(struct simulated_drive *drive) {
    drive->avr->data[TIMSK2] = 0;
}

void simavr_break_current_wire(struct simulated_drive *drive) {
    drive->current_wire_broken = true;
}

void simavr_break_encoder_wire(struct simulated_drive *drive, int is_channel_b) {
    int bit = is_channel_b ? ENCODER_B : ENCODER_A;
    drive->broken_d |= 1u << bit;
    set_level(drive, &drive->levels_d, bit, true);
}

/* As the processor's own write: simavr's timer works out its compare then. */
void simavr_hurry_clock(struct simulated_drive *drive) {
    avr_t *avr = drive->avr;
    avr_io_addr_t at = AVR_DATA_TO_IO(OCR2A);
    avr->io[at].w.c(avr, OCR2A, HURRIED_COMPARE, avr->io[at].w.param);
}

void simavr_jump_to_start(struct simulated_drive *drive) {
    drive->avr->pc = 0;
}

void simavr_disturb_encoder(struct simulated_drive *drive, uint32_t pulses_per_s) {
    drive->disturbance_interval = pulses_per_s > 0 ? CLOCK_HZ / pulses_per_s : 0;
    drive->next_disturbance = drive->now;
}
