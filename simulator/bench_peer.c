/* The least that any program can do between an edge and a frame: wait for a record in the edge pipe, write the frame to the line.
 *
 *     bench_peer PIPE DEVICE FRAME_IN_HEX
 *
 * A record of zeros ends it. The bench measures the controller beside this. */

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

enum { RECORD_BYTES = 16, FRAME_LIMIT = 64 };

static int parse_frame(const char *hex, unsigned char *frame)
{
    size_t digits = strlen(hex);
    if (digits % 2 != 0 || digits / 2 > FRAME_LIMIT)
        return -1;
    for (size_t i = 0; i < digits / 2; i++) {
        unsigned int byte;
        if (sscanf(hex + 2 * i, "%2x", &byte) != 1)
            return -1;
        frame[i] = (unsigned char)byte;
    }
    return (int)(digits / 2);
}

int main(int count, char **arguments)
{
    static const unsigned char end[RECORD_BYTES];
    unsigned char record[RECORD_BYTES], frame[FRAME_LIMIT];

    if (count != 4)
        return 2;
    int pipe = open(arguments[1], O_RDWR);
    int device = open(arguments[2], O_WRONLY | O_NOCTTY);
    int length = parse_frame(arguments[3], frame);
    if (pipe < 0 || device < 0 || length <= 0) {
        perror("bench_peer");
        return 2;
    }
    if (puts("ready") < 0 || fflush(stdout) != 0)
        return 2;
    while (read(pipe, record, sizeof record) == (ssize_t)sizeof record && memcmp(record, end, sizeof end) != 0)
        if (write(device, frame, (size_t)length) != length)
            return 1;
    return 0;
}
