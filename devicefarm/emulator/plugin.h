/* What edgekit's qemu plugin consists of: counters, decoders, and the caches. */
#ifndef EDGEKIT_PLUGIN_H
#define EDGEKIT_PLUGIN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Classes of instructions. On Arm each instruction has exactly one. On x86 an instruction that
 * computes on memory is of the class of what it computes; LOAD and STORE are moves. */
enum {
  LOAD, LOAD_PAIR, VECTOR_LOAD, VECTOR_LOAD_PAIR, STORE, VECTOR_STORE, PREFETCH,
  FLOAT_MAC, FLOAT, FLOAT_DIVIDE, INTEGER_MAC, DOT_PRODUCT, VECTOR_INTEGER, PERMUTE,
  INTEGER, MULTIPLY, DIVIDE, BRANCH, OTHER, CLASSES
};
#define CLASS_NAMES                                                                             \
  "load load_pair vector_load vector_load_pair store vector_store prefetch float_mac float "    \
  "float_divide integer_mac dot_product vector_integer permute integer multiply divide branch " \
  "other"

int classify_arm(uint32_t word);
int classify_a32(uint32_t word);
int classify_t32(uint32_t first, uint32_t second);
int classify_x86(const uint8_t *bytes, size_t size);

/* Whether an AVX2 gather has its index in vector register 4: there qemu 7.2 reads other addresses. */
bool gathers_by_4(const uint8_t *bytes, size_t size);

/* To which of its two sets of instructions a 32-bit Arm's one belongs: qemu does not tell, and gives
 * T32 instructions before the last half word of a page that one besides. A guess goes by what most
 * of A32 have, a condition that is always true. */
enum { A32, T32, MAYBE_A32, MAYBE_T32 };
int arm32_set(const uint8_t *bytes, size_t size, uint64_t address);

/* A set-associative cache with write-allocate and replacement of the least recently used line;
 * addresses are virtual. */
typedef struct {
  uint64_t sets, mask, *lines, *used, clock; /* mask is 0 if sets is no power of two */
  uint64_t *kept_lines, *kept_used, kept_clock;
  unsigned ways;
} cache;

void cache_make(cache *made, uint64_t bytes, unsigned ways, unsigned line_bytes);
bool cache_hit(cache *at, uint64_t line);
void cache_keep(cache *at);
void cache_restore(cache *at);

/* Of the C library that qemu has loaded. */
void *calloc(size_t count, size_t size);
void *memcpy(void *to, const void *from, size_t size);
int strcmp(const char *left, const char *right);
int strncmp(const char *left, const char *right, size_t size);
int snprintf(char *to, size_t size, const char *format, ...);
unsigned long long strtoull(const char *text, char **end, int base);
int open(const char *path, int flags, ...);
long write(int file, const void *from, size_t size);
void abort(void);

#endif
