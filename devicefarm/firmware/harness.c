/* Runs a model on samples of the host's: reads inputs, marks each inference off, writes outputs.
 *
 * ends.h, which is written for each model, defines SAMPLES, INPUTS and OUTPUTS (lists of
 * X(name, bytes)), and the parameters and arguments of net().
 */
#include "ends.h"
#include "start.h"

#define BUFFER(name, bytes) static _Alignas(8) unsigned char name[bytes];
INPUTS(BUFFER)
OUTPUTS(BUFFER)

void net(PARAMETERS);

/* The emulator's plugin counts from the one to the other. */
__attribute__((noinline, used)) void inference_begins(void) { __asm__ volatile(""); }
__attribute__((noinline, used)) void inference_ends(void) { __asm__ volatile(""); }

int main(void) {
  int inputs = host_open("inputs.bin", 10, TO_READ);
  int outputs = host_open("outputs.bin", 11, TO_WRITE);
  if (inputs < 0) return NO_INPUT;
  if (outputs < 0) return NO_OUTPUT;
#define READ(name, bytes) host_read(inputs, name, bytes);
#define WRITE(name, bytes) host_write(outputs, name, bytes);
  for (int sample = 0; sample < SAMPLES; sample++) {
    INPUTS(READ)
    inference_begins();
    net(ARGUMENTS);
    inference_ends();
    OUTPUTS(WRITE)
  }
  uint32_t stack = stack_bytes();
  host_write(outputs, &stack, sizeof stack);
  return 0;
}
