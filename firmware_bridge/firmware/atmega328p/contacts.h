/* Contact inputs, all to ground with pull-ups: a broken wire reads open, which is the safe side of each. */
#ifndef STERNWAY_CONTACTS_H
#define STERNWAY_CONTACTS_H

#include "drive.h"

void contacts_start(void);

void contacts_read(struct drive_inputs *inputs);

#endif
