/* What every runner shares, and what each runtime's own part answers. */
#ifndef EDGEKIT_RUNNER_H
#define EDGEKIT_RUNNER_H

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

enum { MOST_TENSORS = 256, MOST_DIMENSIONS = 8 };
enum { REFUSED = 3, BROKEN = 4 }; /* how it ends: see runner.c */
enum { READY = 1, BEGIN = 2, END = 3, TICK = 4 };

extern void *library;  /* the runtime */
extern uint64_t looks; /* at the clock, so far */
extern int profiling;  /* whether each look is a mark */
extern uint64_t inferences; /* that were, when `profile` is called */
extern uint64_t (*profiled_clock)(uint64_t look); /* what the clock then tells, if not looks; in us */

/* Of turns.c: the C library's own `syscall`; and what lets all threads come to rest, for good. */
typedef long system_call(long number, ...);
extern system_call *plain_call;
void end_turns(void);

void mark(int kind);
void fail(int code, const char *format, ...) __attribute__((noreturn, format(printf, 2, 3)));
void end_line(const char *name); /* the name, spelled out, as the last word of a line */
void put_word(const char *name); /* the name, spelled out, and a space */
const char *within(const char *name); /* a path in the folder, until the next call */
void *symbol(const char *name);       /* a function of the runtime */
void take(FILE *in, void *to, size_t size);
void give(FILE *out, const void *from, size_t size);

/* Of each runtime. `load` opens the file and prints its inputs; `run` is one inference. `feed` reads
 * one sample, `hand_out` writes what the last inference gave. `tell_outputs` prints their sizes and
 * names; it comes after the first inference. */
extern const char *const library_name;
void load(int with_profiler);
void feed(FILE *in);
void run(void);
void hand_out(FILE *out);
void tell_outputs(void);
void profile(void);

#endif
