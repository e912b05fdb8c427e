/* Lets a runtime's threads take turns while it loads a file, so that they allocate in one order.
 *
 * What lies where decides which lines of a cache are used, and how a copy is aligned: where threads
 * race, each process counts a little else. So the thread that runs goes on until it waits for
 * something; who is woken then, or has just begun, goes on when all others wait. Of several it is
 * the one that was made first. In marked inferences nobody asks. */
#define _GNU_SOURCE
#include "runner.h"

#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/futex.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

enum { MOST_THREADS = 64, AT_REST = 3, MOST_TRIES = 500 };
enum { PAUSE_NS = 100000, LONG_PAUSE_NS = 5000000 };

typedef struct {
  void *(*begin)(void *);
  void *with;
  volatile long id;
  volatile int asks; /* whether it waits for its turn */
} thread;

static int taking_turns = 1;
system_call *plain_call;
static thread threads[MOST_THREADS];
static int made = 1; /* the first one is the process's own */
static __thread int own;

#define REAL(name) ((__typeof__(&name))dlsym(RTLD_NEXT, #name))

__attribute__((constructor)) static void prepare(void) {
  plain_call = REAL(syscall);
  threads[0].id = getpid();
}

static int made_as(long id) {
  for (int k = 0; k < made && k < MOST_THREADS; k++)
    if (threads[k].id == id) return k;
  return MOST_THREADS;
}

/* A thread stands in the way if it runs, or asks too and was made before. */
static int in_the_way(const char *name) {
  char path[64], text[512];
  long id = atol(name);
  int place = made_as(id);
  if (place == own) return 0;
  if (place < MOST_THREADS && threads[place].asks) return place < own;
  snprintf(path, sizeof path, "/proc/self/task/%s/stat", name);
  int file = open(path, O_RDONLY);
  if (file < 0) return 0; /* it is gone */
  ssize_t size = read(file, text, sizeof text - 1);
  close(file);
  text[size > 0 ? size : 0] = 0;
  const char *state = strrchr(text, ')');
  return state && !strchr("SZX", state[2]);
}

/* Reads the folder without allocating, which would be in no order either. */
static int others_wait(void) {
  enum { LENGTH = 16, NAME = 19 }; /* where an entry has them */
  char entries[4096];
  int all = 1, folder = open("/proc/self/task", O_RDONLY | O_DIRECTORY);
  long size;
  while ((size = plain_call(SYS_getdents64, folder, entries, sizeof entries)) > 0)
    for (long at = 0; at < size; at += *(unsigned short *)(entries + at + LENGTH))
      if (entries[at + NAME] != '.' && in_the_way(entries + at + NAME)) all = 0;
  close(folder);
  return all;
}

/* After a while it goes on all the same: somebody may run until this one has done something. */
static void wait_for_others(long pause_ns) {
  struct timespec pause = {0, pause_ns};
  for (int rest = 0, tries = 0; rest < AT_REST && tries < MOST_TRIES; tries++) {
    plain_call(SYS_nanosleep, &pause, NULL);
    rest = others_wait() ? rest + 1 : 0;
  }
}

static void take_turn(void) {
  int saved = errno;
  if (!taking_turns) return;
  long id = plain_call(SYS_gettid);
  if (!own && id != getpid()) return; /* one beyond those that are counted */
  threads[own].id = id;
  threads[own].asks = 1;
  wait_for_others(PAUSE_NS);
  threads[own].asks = 0;
  errno = saved;
}

/* The first thread goes last here, and pauses for long, so that others find it waiting. */
void end_turns(void) {
  made = MOST_THREADS, own = MOST_THREADS - 1;
  threads[own].id = threads[0].id, threads[0].id = 0;
  wait_for_others(LONG_PAUSE_NS);
  taking_turns = 0;
}

static void *in_turn(void *given) {
  thread *ours = given;
  own = (int)(ours - threads);
  take_turn();
  return ours->begin(ours->with);
}

int pthread_create(pthread_t *id, const pthread_attr_t *how, void *(*begin)(void *), void *with) {
  int place = __sync_fetch_and_add(&made, 1);
  if (place >= MOST_THREADS) return REAL(pthread_create)(id, how, begin, with);
  threads[place].begin = begin, threads[place].with = with;
  return REAL(pthread_create)(id, how, in_turn, &threads[place]);
}

static int turn_after(int status) {
  take_turn();
  return status;
}

int pthread_join(pthread_t id, void **result) {
  return turn_after(REAL(pthread_join)(id, result));
}

int pthread_cond_wait(pthread_cond_t *condition, pthread_mutex_t *mutex) {
  return turn_after(REAL(pthread_cond_wait)(condition, mutex));
}

int pthread_cond_timedwait(pthread_cond_t *condition, pthread_mutex_t *mutex,
                           const struct timespec *until) {
  return turn_after(REAL(pthread_cond_timedwait)(condition, mutex, until));
}

int pthread_cond_clockwait(pthread_cond_t *condition, pthread_mutex_t *mutex, clockid_t clock,
                           const struct timespec *until) {
  return turn_after(REAL(pthread_cond_clockwait)(condition, mutex, clock, until));
}

/* C++ and TBB wait by calling the kernel themselves. */
long syscall(long number, ...) {
  long given[6];
  va_list rest;
  va_start(rest, number);
  for (int i = 0; i < 6; i++) given[i] = va_arg(rest, long);
  va_end(rest);
  long status = plain_call(number, given[0], given[1], given[2], given[3], given[4], given[5]);
  int what = (int)given[1] & FUTEX_CMD_MASK;
  if (number == SYS_futex && (what == FUTEX_WAIT || what == FUTEX_WAIT_BITSET)) take_turn();
  return status;
}
