/* Starts a Cortex-M: memory, floating point, a painted stack; speaks to the host by semihosting. */
#include "start.h"

extern uint32_t load_of_data, start_of_data, end_of_data, start_of_bss, end_of_bss;
extern uint32_t stack_lowest, stack_top;

int main(void);

enum { OPEN = 0x01, WRITE = 0x05, READ = 0x06, EXIT = 0x20, ENDED = 0x20026 };
enum { PAINT = 0x5ED6E5ED, OWN_FRAME = 256 };

static int host(int what, const void *arguments) {
  register int r0 __asm__("r0") = what;
  register const void *r1 __asm__("r1") = arguments;
  __asm__ volatile("bkpt 0xab" : "+r"(r0) : "r"(r1) : "memory");
  return r0;
}

int host_open(const char *name, int length, int mode) {
  uintptr_t arguments[] = {(uintptr_t)name, (uintptr_t)mode, (uintptr_t)length};
  return host(OPEN, arguments);
}

void host_read(int file, void *to, uint32_t bytes) {
  uintptr_t arguments[] = {(uintptr_t)file, (uintptr_t)to, bytes};
  if (host(READ, arguments)) host_exit(NO_INPUT);
}

void host_write(int file, const void *from, uint32_t bytes) {
  uintptr_t arguments[] = {(uintptr_t)file, (uintptr_t)from, bytes};
  if (host(WRITE, arguments)) host_exit(NO_OUTPUT);
}

void host_exit(int code) {
  uintptr_t arguments[] = {ENDED, (uintptr_t)code};
  for (;;) host(EXIT, arguments);
}

uint32_t stack_bytes(void) {
  const volatile uint32_t *at = &stack_lowest;
  while (at < &stack_top && *at == PAINT) at++;
  return (uint32_t)((uintptr_t)&stack_top - (uintptr_t)at);
}

static void fault(void) { host_exit(FAULT); }

void reset(void) {
  *(volatile uint32_t *)0xE000ED88 |= 0xFu << 20; /* CPACR: floating point and vectors */
#if defined(__ARM_FEATURE_MVE)
  *(volatile uint32_t *)0xE000ED14 |= 1u << 19; /* CCR.LOB: loops without branches */
#endif
  __asm__ volatile("dsb\n isb");
  for (uint32_t *from = &load_of_data, *to = &start_of_data; to < &end_of_data;) *to++ = *from++;
  for (uint32_t *to = &start_of_bss; to < &end_of_bss;) *to++ = 0;
  uint32_t *own = (uint32_t *)((uintptr_t)__builtin_frame_address(0) - OWN_FRAME);
  for (volatile uint32_t *to = &stack_lowest; to < own;) *to++ = PAINT;
  host_exit(main());
}

typedef void (*handler)(void);
__attribute__((section(".vectors"), used)) static const handler vectors[16] = {
    (handler)&stack_top, reset, fault, fault, fault, fault, fault, fault,
    fault, fault, fault, fault, fault, fault, fault, fault};
