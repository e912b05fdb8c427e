/* What firmware has around a model: the host's files, and how much stack was used. */
#ifndef EDGEKIT_START_H
#define EDGEKIT_START_H

#include <stdint.h>

enum { TO_READ = 1, TO_WRITE = 5 };                     /* modes of semihosting: "rb", "wb" */
enum { FAULT = 3, NO_INPUT = 4, NO_OUTPUT = 5 };        /* exit codes */

int host_open(const char *name, int length, int mode);
void host_read(int file, void *to, uint32_t bytes);     /* all of them, or it ends */
void host_write(int file, const void *from, uint32_t bytes);
void host_exit(int code) __attribute__((noreturn));
uint32_t stack_bytes(void);                             /* the most that were in use so far */

#endif
