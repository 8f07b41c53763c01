/* What the host may ask for, and the refusals. Private to the core. */
#ifndef STERNWAY_COMMANDS_H
#define STERNWAY_COMMANDS_H

#include "drive.h"

void command_obey(struct drive *drive, const struct host_message *message);

#endif
