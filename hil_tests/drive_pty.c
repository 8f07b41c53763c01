/* A simulated drive behind a pseudo-terminal, in real time: for programs that want to open a serial port.
 *
 *   sternway_drive_pty FIRMWARE.elf [SEED]
 *
 * Prints the port's path. Then reads commands, one a line: "start 0|1", "faster 0|1", "stop_input 0|1" move a contact,
 * "belt" prints "speed_m_s relay_commanded late_ms", where late_ms is the longest it has ever run behind real time.
 * Ends with its standard input.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <termios.h>
#include <time.h>
#include <unistd.h>

#include "simulated_drive.h"

enum { STEP_US = 1000, CHUNK = 512, LINE_LIMIT = 64 };

struct bench {
    struct simulated_drive *drive;
    struct simulated_inputs inputs;
    int master;
    int slave; /* kept open: without a reader the master would report a hang-up */
    double latest_ms;
};

static uint64_t now_us(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000u + (uint64_t)now.tv_nsec / 1000u;
}

static bool open_port(struct bench *bench) {
    bench->master = posix_openpt(O_RDWR | O_NOCTTY | O_NONBLOCK);
    if (bench->master < 0 || grantpt(bench->master) != 0 || unlockpt(bench->master) != 0) {
        return false;
    }
    const char *path = ptsname(bench->master);
    bench->slave = path == NULL ? -1 : open(path, O_RDWR | O_NOCTTY);
    struct termios settings;
    if (bench->slave < 0 || tcgetattr(bench->slave, &settings) != 0) {
        return false;
    }
    cfmakeraw(&settings);
    if (tcsetattr(bench->slave, TCSANOW, &settings) != 0) {
        return false;
    }
    printf("%s\n", path);
    fflush(stdout);
    return true;
}

static void obey(struct bench *bench, const char *line) {
    char name[LINE_LIMIT];
    int value = 0;
    int words = sscanf(line, "%63s %d", name, &value);
    if (words == 2 && strcmp(name, "start") == 0) {
        bench->inputs.start_closed = value != 0;
    } else if (words == 2 && strcmp(name, "faster") == 0) {
        bench->inputs.faster_closed = value != 0;
    } else if (words == 2 && strcmp(name, "stop_input") == 0) {
        bench->inputs.stop_input_closed = value != 0;
    } else if (words == 1 && strcmp(name, "belt") == 0) {
        struct simulated_outputs outputs;
        simulated_drive_get_outputs(bench->drive, &outputs);
        printf("%.4f %d %.1f\n", outputs.speed_m_s, outputs.relay_commanded, bench->latest_ms);
        fflush(stdout);
    } else {
        fprintf(stderr, "unknown command: %s", line);
    }
    simulated_drive_set_inputs(bench->drive, &bench->inputs);
}

/* Line by line without stdio's buffer, which poll cannot see into. */
static bool read_commands(struct bench *bench) {
    static char line[LINE_LIMIT];
    static size_t length;
    struct pollfd input = {.fd = STDIN_FILENO, .events = POLLIN};
    while (poll(&input, 1, 0) > 0) {
        char byte;
        if (read(STDIN_FILENO, &byte, 1) != 1) {
            return false;
        }
        if (length < sizeof line - 2) {
            line[length++] = byte;
        }
        if (byte == '\n') {
            line[length] = '\0';
            length = 0;
            obey(bench, line);
        }
    }
    return true;
}

static bool exchange(struct bench *bench) {
    uint8_t bytes[CHUNK];
    ssize_t got = read(bench->master, bytes, sizeof bytes);
    if (got > 0) {
        (void)simulated_drive_write(bench->drive, bytes, (uint32_t)got);
    }
    uint32_t length = simulated_drive_read(bench->drive, bytes, sizeof bytes);
    /* Nobody reading: the terminal's buffer is full, and the bytes are lost as they would be on a wire. */
    ssize_t sent = length > 0 ? write(bench->master, bytes, length) : 0;
    return sent >= 0 || errno == EAGAIN;
}

static int run(struct bench *bench) {
    uint64_t simulated_us = now_us();
    struct simulated_outputs outputs;
    for (;;) {
        uint64_t real_us = now_us();
        if (real_us < simulated_us + STEP_US) {
            struct timespec rest = {.tv_nsec = (long)(simulated_us + STEP_US - real_us) * 1000};
            nanosleep(&rest, NULL);
            continue;
        }
        double late_ms = (double)(real_us - simulated_us - STEP_US) / 1000.0;
        bench->latest_ms = late_ms > bench->latest_ms ? late_ms : bench->latest_ms;
        if (!read_commands(bench)) {
            return 0;
        }
        if (!exchange(bench) || simulated_drive_advance(bench->drive, STEP_US, 0.0, 0.0, &outputs) < 0) {
            return 1;
        }
        simulated_us += STEP_US;
    }
}

int main(int count, char **argument) {
    if (count < 2) {
        fprintf(stderr, "usage: %s FIRMWARE.elf [SEED]\n", argument[0]);
        return 2;
    }
    struct bench bench = {.inputs = {.stop_input_closed = 1, .contactor_1_closed = 1, .contactor_2_closed = 1}};
    bench.drive = simulated_drive_create(argument[1], count > 2 ? strtoull(argument[2], NULL, 10) : 1);
    if (bench.drive == NULL || !open_port(&bench)) {
        fprintf(stderr, "cannot start %s\n", argument[1]);
        return 1;
    }
    int result = run(&bench);
    simulated_drive_destroy(bench.drive);
    return result;
}
