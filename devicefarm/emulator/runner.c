/* Runs a file in a runtime's C interface on the device, and marks the inference off.
 *
 *   runner FOLDER MODE SAMPLES MARKED
 *
 * In the folder: the runtime's libraries; the model; what the runtime's part (run_*.c) asks for; `in`,
 * SAMPLES times all inputs, raw. MODE `outputs` writes SAMPLES times all outputs to `out`. MODE
 * `count` runs the last sample once, and then marks MARKED inferences off for the plugin;
 * `operators` profiles one more after that. Standard output carries lines that begin with a word:
 * input, output, event, node, profile, gathers, done; of names, what is no plain character is `\xHH`.
 *
 * Exit codes: 3, the runtime does not take the file; 4, something else is wrong: the runtime cannot
 * be loaded, or is another than it should be.
 *
 * Marks are system calls that do nothing: getpriority(0x5ED6E, mark). The clock is replaced: it
 * goes one microsecond ahead at each look, so that what the runtime decides by time is the same in
 * each run. While operators are profiled each look is a mark, and the times of the profiler's
 * events are numbers of marks, or what a runtime's part makes of these.
 */
#define _GNU_SOURCE
#include "runner.h"

#include <dlfcn.h>
#include <pthread.h>
#include <sched.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

enum { WHICH = 0x5ED6E };

void *library;
uint64_t looks, inferences;
int profiling;
uint64_t (*profiled_clock)(uint64_t look);
static const char *folder;

void mark(int kind) { plain_call(SYS_getpriority, WHICH, kind); }

static inline void tell(struct timespec *now, uint64_t us) {
  now->tv_sec = (time_t)(us / 1000000);
  now->tv_nsec = (long)(us % 1000000) * 1000;
}

/* Apart from other looks, which are counted and are to take as little as they can. */
__attribute__((noinline)) static int profiled(struct timespec *now) {
  tell(now, profiled_clock ? profiled_clock(looks) : looks);
  mark(TICK);
  return 0;
}

int clock_gettime(clockid_t clock, struct timespec *now) {
  (void)clock;
  looks++;
  if (profiling) return profiled(now);
  tell(now, looks);
  return 0;
}

/* One processor, whatever this host has, and none of its own to stay on. */
int sched_getaffinity(pid_t process, size_t size, cpu_set_t *set) {
  (void)process;
  memset(set, 0, size);
  CPU_SET_S(0, size, set);
  return 0;
}

int sched_setaffinity(pid_t process, size_t size, const cpu_set_t *set) {
  (void)process, (void)size, (void)set;
  return 0;
}

int pthread_getaffinity_np(pthread_t thread, size_t size, cpu_set_t *set) {
  (void)thread;
  return sched_getaffinity(0, size, set);
}

int pthread_setaffinity_np(pthread_t thread, size_t size, const cpu_set_t *set) {
  (void)thread;
  return sched_setaffinity(0, size, set);
}

/* Nor does it tell where on this host we are: OpenVINO keeps such paths in memory. */
char *getcwd(char *path, size_t size) {
  if (!path && !(path = malloc(size ? size : sizeof "/"))) return NULL;
  snprintf(path, size ? size : sizeof "/", "/");
  return path;
}

void fail(int code, const char *format, ...) {
  va_list rest;
  va_start(rest, format);
  vfprintf(stderr, format, rest);
  va_end(rest);
  fputc('\n', stderr);
  _exit(code);
}

static void spell(const char *name, char least) {
  for (; name && *name; name++)
    if (*name < least || *name > '~' || *name == '\\')
      printf("\\x%02x", (unsigned char)*name);
    else
      putchar(*name);
}

void end_line(const char *name) {
  spell(name, ' ');
  putchar('\n');
}

void put_word(const char *name) {
  spell(name, '!');
  putchar(' ');
}

const char *within(const char *name) {
  static char path[4096];
  snprintf(path, sizeof path, "%s/%s", folder, name);
  return path;
}

void *symbol(const char *name) {
  void *found = dlsym(library, name);
  if (!found) fail(BROKEN, "the runtime has no %s", name);
  return found;
}

void take(FILE *in, void *to, size_t size) {
  if (fread(to, 1, size, in) != size) fail(BROKEN, "in is too short");
}

void give(FILE *out, const void *from, size_t size) {
  if (fwrite(from, 1, size, out) != size) fail(BROKEN, "out cannot be written");
}

/* Whether AVX2 gathers read what they should, also by an index in vector register 4. */
static int gathers_right(void) {
#ifdef __x86_64__
  if (!__builtin_cpu_supports("avx2")) return 1;
  static const int table[4] = {5, 6, 7, 8}, index[4] = {3, 2, 1, 0};
  int found[4] = {0};
  __asm__ volatile(
      "vmovdqu (%1), %%xmm4\n vpcmpeqd %%xmm6, %%xmm6, %%xmm6\n"
      "vpgatherdd %%xmm6, (%0, %%xmm4, 4), %%xmm0\n vmovdqu %%xmm0, (%2)"
      : : "r"(table), "r"(index), "r"(found) : "memory", "xmm0", "xmm4", "xmm6");
  for (int i = 0; i < 4; i++)
    if (found[i] != table[index[i]]) return 0;
#endif
  return 1;
}

int main(int count, char **words) {
  setvbuf(stdout, NULL, _IOLBF, 0);
  if (gathers_right()) puts("gathers right");
  if (count != 5) fail(BROKEN, "expected FOLDER MODE SAMPLES MARKED");
  folder = words[1];
  int operators = !strcmp(words[2], "operators"), computing = !strcmp(words[2], "outputs");
  FILE *in = fopen(within("in"), "rb"), *out = fopen(within("out"), "r+b");
  if (!in || !out) fail(BROKEN, "the files of inputs and outputs cannot be opened");
  if (!(library = dlopen(within(library_name), RTLD_NOW))) fail(BROKEN, "%s", dlerror());
  load(operators);
  for (int i = atoi(words[3]); i > 0; i--) {
    feed(in);
    if (!computing) continue;
    run();
    hand_out(out);
  }
  fclose(out);
  if (!computing) run(); /* what is done once is done now */
  tell_outputs();
  end_turns();
  mark(READY);
  for (int i = atoi(words[4]); i > 0; i--) {
    mark(BEGIN);
    run();
    mark(END);
  }
  inferences = 1 + (uint64_t)atoi(words[4]);
  if (operators) profile();
  printf("done\n");
  fflush(stdout);
  _exit(0); /* taking the runtime down costs time, and can fail */
}
