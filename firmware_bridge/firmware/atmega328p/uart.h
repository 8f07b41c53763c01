/* UART at 115200 8N1, by interrupt, through two bounded rings. */
#ifndef STERNWAY_UART_H
#define STERNWAY_UART_H

#include <stdbool.h>
#include <stdint.h>

void uart_start(void);

bool uart_has_received(void);

/* False when nothing has come. A byte that finds the ring full is lost; its frame then fails the CRC. */
bool uart_receive(uint8_t *byte);

bool uart_has_room(void);

/* Only after uart_has_room. */
void uart_send(uint8_t byte);

#endif
