/* Counts what runs between two functions of a firmware: instructions, accesses, bytes.
 *
 * A plugin of qemu-system-arm, plugin interface 1, whose prototypes are declared here. Arguments:
 * out=FILE, begin=ADDRESS, end=ADDRESS. A line for each pass: instructions loads stores load_bytes
 * store_bytes. `loads` and `stores` are accesses: an instruction that loads eight registers has
 * eight.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef void (*on_block)(uint64_t, void *);
typedef void (*on_run)(unsigned, void *);
typedef void (*on_access)(unsigned, uint32_t, uint64_t, void *);

void qemu_plugin_register_vcpu_tb_trans_cb(uint64_t, on_block);
void qemu_plugin_register_vcpu_insn_exec_inline(void *, int, void *, uint64_t);
void qemu_plugin_register_vcpu_insn_exec_cb(void *, on_run, int, void *);
void qemu_plugin_register_vcpu_mem_cb(void *, on_access, int, int, void *);
size_t qemu_plugin_tb_n_insns(const void *);
void *qemu_plugin_tb_get_insn(const void *, size_t);
uint64_t qemu_plugin_insn_vaddr(const void *);
unsigned qemu_plugin_mem_size_shift(uint32_t);
bool qemu_plugin_mem_is_store(uint32_t);

/* Of the C library that qemu has loaded. */
int strncmp(const char *left, const char *right, size_t size);
int snprintf(char *to, size_t size, const char *format, ...);
unsigned long long strtoull(const char *text, char **end, int base);
int open(const char *path, int flags, ...);
long write(int file, const void *from, size_t size);
void abort(void);

enum { ADD = 0, NO_REGISTERS = 0, READS_AND_WRITES = 3, WRITE_ANEW = 01 | 0100 | 01000 };
enum { INSTRUCTIONS, LOADS, STORES, LOAD_BYTES, STORE_BYTES, FIGURES };

static uint64_t figures[FIGURES], begun[FIGURES], begin, end;
static int out = -1;

static void access(unsigned cpu, uint32_t how, uint64_t address, void *given) {
  (void)cpu, (void)address, (void)given;
  bool store = qemu_plugin_mem_is_store(how);
  figures[store ? STORES : LOADS]++;
  figures[store ? STORE_BYTES : LOAD_BYTES] += 1ull << qemu_plugin_mem_size_shift(how);
}

static void begins(unsigned cpu, void *given) {
  (void)cpu, (void)given;
  for (int i = 0; i < FIGURES; i++) begun[i] = figures[i];
}

static void ends(unsigned cpu, void *given) {
  (void)cpu, (void)given;
  char text[FIGURES * 21 + 2];
  int at = 0;
  for (int i = 0; i < FIGURES; i++)
    at += snprintf(text + at, sizeof text - (size_t)at, "%llu ",
                   (unsigned long long)(figures[i] - begun[i]));
  text[at - 1] = '\n';
  if (write(out, text, (size_t)at) != at) abort();
}

static void translate(uint64_t plugin, void *code) {
  (void)plugin;
  size_t count = qemu_plugin_tb_n_insns(code);
  for (size_t i = 0; i < count; i++) {
    void *at = qemu_plugin_tb_get_insn(code, i);
    uint64_t address = qemu_plugin_insn_vaddr(at);
    qemu_plugin_register_vcpu_insn_exec_inline(at, ADD, &figures[INSTRUCTIONS], 1);
    qemu_plugin_register_vcpu_mem_cb(at, access, NO_REGISTERS, READS_AND_WRITES, NULL);
    if (address == begin) qemu_plugin_register_vcpu_insn_exec_cb(at, begins, NO_REGISTERS, NULL);
    if (address == end) qemu_plugin_register_vcpu_insn_exec_cb(at, ends, NO_REGISTERS, NULL);
  }
}

__attribute__((visibility("default"))) int qemu_plugin_version = 1;

__attribute__((visibility("default"))) int qemu_plugin_install(
    uint64_t plugin, const void *information, int count, char **arguments) {
  (void)information;
  for (int i = 0; i < count; i++) {
    if (!strncmp(arguments[i], "out=", 4)) out = open(arguments[i] + 4, WRITE_ANEW, 0600);
    if (!strncmp(arguments[i], "begin=", 6)) begin = strtoull(arguments[i] + 6, NULL, 16);
    if (!strncmp(arguments[i], "end=", 4)) end = strtoull(arguments[i] + 4, NULL, 16);
  }
  if (out < 0 || !begin || !end) return 1;
  qemu_plugin_register_vcpu_tb_trans_cb(plugin, translate);
  return 0;
}
