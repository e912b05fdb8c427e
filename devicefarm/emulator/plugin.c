/* Counts what runs between two marks: instructions by class, accesses, bytes, cache misses.
 *
 * A plugin of qemu-user, plugin interface 1, whose prototypes are declared here. Arguments:
 * out=FILE, l1=BYTES, l1ways=N, l2=BYTES, l2ways=N, line=BYTES. Nothing is counted before the mark
 * READY, at which all code is translated anew, with counters. See runner.c for the marks.
 *
 * Each translated block counts how often it ran; a total is the sum over all blocks of that number
 * times what the block holds. `loads` and `stores` are instructions that read or wrote memory.
 *
 * `gathers` are those that `gathers_by_4` finds, in all inferences so far; without any there is no
 * such line.
 *
 * The first marked inference begins with empty caches, each later one with what the first left: so
 * all but the first give the same numbers.
 */
#include "plugin.h"

typedef struct {
  const char *target_name;
  struct { int min, cur; } version;
  bool system_mode;
} qemu_information;
typedef void (*on_block)(uint64_t, void *);
typedef void (*on_access)(unsigned, uint32_t, uint64_t, void *);
typedef void (*on_call)(uint64_t, unsigned, int64_t, uint64_t, uint64_t, uint64_t, uint64_t,
                        uint64_t, uint64_t, uint64_t, uint64_t);
typedef void (*on_reset)(uint64_t);

void qemu_plugin_register_vcpu_tb_trans_cb(uint64_t, on_block);
void qemu_plugin_register_vcpu_tb_exec_inline(void *, int, void *, uint64_t);
void qemu_plugin_register_vcpu_mem_cb(void *, on_access, int, int, void *);
void qemu_plugin_register_vcpu_syscall_cb(uint64_t, on_call);
void qemu_plugin_reset(uint64_t, on_reset);
size_t qemu_plugin_tb_n_insns(const void *);
void *qemu_plugin_tb_get_insn(const void *, size_t);
const void *qemu_plugin_insn_data(const void *);
size_t qemu_plugin_insn_size(const void *);
uint64_t qemu_plugin_insn_vaddr(const void *);
unsigned qemu_plugin_mem_size_shift(uint32_t);
bool qemu_plugin_mem_is_store(uint32_t);

enum { ADD = 0, NO_REGISTERS = 0, READS_AND_WRITES = 3, WRITE_ANEW = 01 | 0100 | 01000 };
enum { WHICH = 0x5ED6E, READY = 1, BEGIN = 2, END = 3, TICK = 4 };
enum { INSTRUCTIONS, LOADS, STORES, LOAD_BYTES, STORE_BYTES, L1_MISSES, L2_MISSES, BY_CLASS,
       FIGURES = BY_CLASS + CLASSES };

typedef struct block {
  uint64_t runs;
  struct block *next;
  uint32_t held[CLASSES], gathers; /* the latter by register 4 */
} block;

typedef struct {
  block *home;
  uint64_t read, written; /* in which run of its block it last did */
} instruction;

static block *blocks;
static uint64_t figures[FIGURES], begun[FIGURES], ticked[FIGURES];
static cache l1, l2;
static uint64_t touched;
static unsigned line_bits = 6, inferences;
static int out = -1, get_priority; /* the number of the marks' system call */
static enum { AARCH64, ARM, X86 } architecture;
static bool on;
enum { PAGES = 4096 };
static struct { uint64_t page; int set; } sets[PAGES]; /* of 32-bit Arm's pages, the last ones */

/* The line that was touched last is in the cache, and is the one used last. */
static void touch(uint64_t line) {
  if (line == touched) return;
  touched = line;
  if (cache_hit(&l1, line)) return;
  figures[L1_MISSES]++;
  if (!cache_hit(&l2, line)) figures[L2_MISSES]++;
}

static void access(unsigned cpu, uint32_t how, uint64_t address, void *given) {
  (void)cpu;
  if (!on) return;
  instruction *which = given;
  uint64_t size = 1ull << qemu_plugin_mem_size_shift(how), first = address >> line_bits;
  bool store = qemu_plugin_mem_is_store(how);
  uint64_t *last = store ? &which->written : &which->read;
  figures[store ? STORE_BYTES : LOAD_BYTES] += size;
  if (*last != which->home->runs) figures[store ? STORES : LOADS]++;
  *last = which->home->runs;
  touch(first);
  if ((address + size - 1) >> line_bits != first) touch(first + 1);
}

/* Whether a block is T32. One instruction that can be of one set alone says so for all, and for
 * others on its page and the next; where none does it is a guess. */
static bool is_t32(const void *code, size_t count) {
  int guess = MAYBE_A32;
  uint64_t page = qemu_plugin_insn_vaddr(qemu_plugin_tb_get_insn(code, 0)) >> 12;
  for (size_t i = 0; i < count; i++) {
    void *at = qemu_plugin_tb_get_insn(code, i);
    int set = arm32_set(qemu_plugin_insn_data(at), qemu_plugin_insn_size(at),
                        qemu_plugin_insn_vaddr(at));
    if (set == A32 || set == T32) {
      sets[page % PAGES].page = page, sets[page % PAGES].set = set;
      return set == T32;
    }
    if (set > guess) guess = set;
  }
  for (int back = 0; back < 2; back++, page--)
    if (sets[page % PAGES].page == page) return sets[page % PAGES].set == T32;
  return guess == MAYBE_T32;
}

static int classify(const void *at, bool t32) {
  const uint8_t *bytes = qemu_plugin_insn_data(at);
  size_t size = qemu_plugin_insn_size(at);
  uint32_t word;
  uint16_t halves[2] = {0, 0};
  if (architecture == X86) return classify_x86(bytes, size);
  memcpy(&word, bytes, size < sizeof word ? size : sizeof word);
  if (architecture == AARCH64) return classify_arm(word);
  if (!t32) return classify_a32(word);
  memcpy(halves, bytes, size < sizeof halves ? size : sizeof halves);
  return classify_t32(halves[0], halves[1]);
}

static void translate(uint64_t plugin, void *code) {
  (void)plugin;
  size_t count = qemu_plugin_tb_n_insns(code);
  block *made = calloc(1, sizeof *made);
  instruction *all = calloc(count, sizeof *all);
  if (!made || !all) abort();
  made->next = blocks;
  blocks = made;
  bool t32 = architecture == ARM && is_t32(code, count);
  for (size_t i = 0; i < count; i++) {
    void *at = qemu_plugin_tb_get_insn(code, i);
    int kind = classify(at, t32);
    made->held[kind]++;
    all[i].home = made;
    if (architecture == X86 && gathers_by_4(qemu_plugin_insn_data(at), qemu_plugin_insn_size(at)))
      made->gathers++;
    if (architecture != AARCH64 || kind <= PREFETCH || kind == OTHER)
      qemu_plugin_register_vcpu_mem_cb(at, access, NO_REGISTERS, READS_AND_WRITES, &all[i]);
  }
  qemu_plugin_register_vcpu_tb_exec_inline(code, ADD, &made->runs, 1);
}

static void add_up(void) {
  for (int k = 0; k < CLASSES; k++) figures[BY_CLASS + k] = 0;
  for (block *each = blocks; each; each = each->next)
    if (each->runs)
      for (int k = 0; k < CLASSES; k++) figures[BY_CLASS + k] += each->runs * each->held[k];
  figures[INSTRUCTIONS] = 0;
  for (int k = 0; k < CLASSES; k++) figures[INSTRUCTIONS] += figures[BY_CLASS + k];
}

static void tell(const char *word, const uint64_t *since) {
  char text[64 + FIGURES * 21];
  int at = snprintf(text, sizeof text, "%s", word);
  for (int i = 0; i < FIGURES; i++)
    at += snprintf(text + at, sizeof text - (size_t)at, " %llu",
                   (unsigned long long)(figures[i] - since[i]));
  text[at++] = '\n';
  if (write(out, text, (size_t)at) != at) abort();
}

static void start(void) {
  memcpy(begun, figures, sizeof begun);
  touched = UINT64_MAX;
  if (inferences++) cache_restore(&l1), cache_restore(&l2);
}

static void tell_gathers(void) {
  char text[64];
  uint64_t sum = 0;
  for (block *each = blocks; each; each = each->next) sum += each->runs * each->gathers;
  int size = snprintf(text, sizeof text, "gathers %llu\n", (unsigned long long)sum);
  if (sum && write(out, text, (size_t)size) != size) abort();
}

static void finish(void) {
  tell("total", begun);
  tell_gathers();
  if (inferences == 1) cache_keep(&l1), cache_keep(&l2);
}

static void call(uint64_t, unsigned, int64_t, uint64_t, uint64_t, uint64_t, uint64_t, uint64_t,
                 uint64_t, uint64_t, uint64_t);

static void ready(uint64_t plugin) {
  qemu_plugin_register_vcpu_tb_trans_cb(plugin, translate);
  qemu_plugin_register_vcpu_syscall_cb(plugin, call);
}

static void call(uint64_t plugin, unsigned cpu, int64_t number, uint64_t which, uint64_t mark,
                 uint64_t a3, uint64_t a4, uint64_t a5, uint64_t a6, uint64_t a7, uint64_t a8) {
  (void)cpu, (void)a3, (void)a4, (void)a5, (void)a6, (void)a7, (void)a8;
  if (number != get_priority || (uint32_t)which != WHICH) return;
  if (mark == READY) qemu_plugin_reset(plugin, ready);
  if (mark < BEGIN || mark > TICK) return;
  add_up();
  if (mark == BEGIN) start();
  if (mark == END) finish();
  if (mark == TICK && on) tell("tick", ticked);
  memcpy(ticked, figures, sizeof ticked);
  if (mark != TICK) on = mark == BEGIN;
}

static uint64_t number(const char *argument, const char *name, size_t size, uint64_t otherwise) {
  return strncmp(argument, name, size) ? otherwise : strtoull(argument + size, NULL, 10);
}

__attribute__((visibility("default"))) int qemu_plugin_version = 1;

__attribute__((visibility("default"))) int qemu_plugin_install(
    uint64_t plugin, const qemu_information *information, int count, char **arguments) {
  static const char head[] = "classes " CLASS_NAMES "\n";
  uint64_t sizes[5] = {32768, 4, 524288, 16, 64};
  static const char *const names[5] = {"l1=", "l1ways=", "l2=", "l2ways=", "line="};
  static const size_t lengths[5] = {3, 7, 3, 7, 5};
  for (int i = 0; i < count; i++) {
    if (!strncmp(arguments[i], "out=", 4)) out = open(arguments[i] + 4, WRITE_ANEW, 0600);
    for (int k = 0; k < 5; k++) sizes[k] = number(arguments[i], names[k], lengths[k], sizes[k]);
  }
  architecture = !strcmp(information->target_name, "aarch64") ? AARCH64
                 : !strcmp(information->target_name, "arm")   ? ARM
                                                              : X86;
  get_priority = architecture == AARCH64 ? 141 : architecture == ARM ? 96 : 140;
  if (out < 0 || information->system_mode || write(out, head, sizeof head - 1) < 0) return 1;
  cache_make(&l1, sizes[0], (unsigned)sizes[1], (unsigned)sizes[4]);
  cache_make(&l2, sizes[2], (unsigned)sizes[3], (unsigned)sizes[4]);
  for (line_bits = 0; (1u << line_bits) < sizes[4]; line_bits++) {}
  qemu_plugin_register_vcpu_syscall_cb(plugin, call);
  return 0;
}
