/* STATUS and IDENT on their way out. Private to the core. */
#ifndef STERNWAY_REPORT_H
#define STERNWAY_REPORT_H

#include "drive.h"

/* One millisecond of the STATUS period. */
void report_step(struct drive *drive);

/* The next byte of the frame on its way, or of the next one due. */
bool report_next_byte(struct drive *drive, uint8_t *byte);

#endif
