/*
 * Real interfaces for a test, in a network namespace of its own: it ends with the process. Needs
 * root.
 */
#ifndef MW_TESTS_IO_WIRES_H
#define MW_TESTS_IO_WIRES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Enters a fresh namespace without IPv6. False where that is not allowed. */
bool wires_enter(void);
/* A shell command; false when it fails. */
bool wires_do(const char *format, ...) __attribute__((format(printf, 1, 2)));
/* A raw socket on an interface, non-blocking; -1. */
int wires_open(const char *iface);
/* The next frame not sent by ourselves, VLAN tag put back; its length, 0 when there is none. */
size_t wires_receive(int fd, uint8_t *frame, size_t size);

#endif
