/* Runs a TFLite file in LiteRT's C interface on the device, and marks the inference off.
 *
 *   runner FOLDER MODE SAMPLES MARKED
 *
 * In the folder: `libLiteRt.so`; `model.tflite`; `names`, the inputs' names, a zero byte behind
 * each; `in`, SAMPLES times all of them in that order, raw. MODE `outputs` writes SAMPLES times all
 * outputs to `out`. MODE `count` runs the last sample once, and then marks MARKED inferences off for the
 * plugin; `operators` profiles one more after that. Standard output carries lines that begin with
 * a word: input, output, event, done; of names, what is no plain character is `\xHH`.
 *
 * Exit codes: 3, the runtime does not take the file; 4, something else is wrong: the runtime cannot
 * be loaded, or is another than it should be.
 *
 * Marks are system calls that do nothing: getpriority(0x5ED6E, mark). The clock is replaced: it
 * goes one microsecond ahead at each look, so that what the runtime decides by time is the same in
 * each run. While operators are profiled each look is a mark, and the times of the profiler's
 * events are numbers of marks; events of delegates have length alone, and begin at 0.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

enum { WHICH = 0x5ED6E, READY = 1, BEGIN = 2, END = 3, TICK = 4 };
enum { REFUSED = 3, BROKEN = 4 };
enum { MOST_TENSORS = 256, MOST_DIMENSIONS = 8, CPU = 1, READ = 0, WRITE = 1 };

/* LiteRtRankedTensorType. */
typedef struct {
  int32_t element;
  uint32_t rank : 7, has_strides : 1;
  int32_t dimensions[MOST_DIMENSIONS];
  uint32_t strides[MOST_DIMENSIONS];
} tensor_type;

/* LiteRtProfilerEvent. */
typedef struct {
  const char *tag;
  int32_t type;
  uint64_t start_us, elapsed_us;
  int64_t memory[6];
  uint64_t metadata[2];
  int32_t source;
} event;

typedef struct {
  size_t count;
  void *buffers[MOST_TENSORS];
  size_t sizes[MOST_TENSORS];
  int place[MOST_TENSORS]; /* its number in the files */
} tensors;

static const char *folder;
static void *library;
static int profiling;
static uint64_t looks;

static void mark(int kind) { syscall(SYS_getpriority, WHICH, kind); }

int clock_gettime(clockid_t clock, struct timespec *now) {
  (void)clock;
  looks++;
  now->tv_sec = (time_t)(looks / 1000000);
  now->tv_nsec = (long)(looks % 1000000) * 1000;
  if (profiling) mark(TICK);
  return 0;
}

static void fail(int code, const char *format, ...) {
  va_list rest;
  va_start(rest, format);
  vfprintf(stderr, format, rest);
  va_end(rest);
  fputc('\n', stderr);
  exit(code);
}

static void end_line(const char *name) {
  for (; name && *name; name++)
    if (*name < ' ' || *name > '~' || *name == '\\')
      printf("\\x%02x", (unsigned char)*name);
    else
      putchar(*name);
  putchar('\n');
}

static const char *within(const char *name) {
  static char path[4096];
  snprintf(path, sizeof path, "%s/%s", folder, name);
  return path;
}

static void *symbol(const char *name) {
  void *found = dlsym(library, name);
  if (!found) fail(BROKEN, "the runtime has no %s", name);
  return found;
}

/* Every function of the interface returns 0 where it worked; its arguments are words. */
#define CALL(name, ...)                                             \
  do {                                                              \
    int status = ((int (*)())symbol(#name))(__VA_ARGS__);           \
    if (status) fail(REFUSED, "%s gave status %d", #name, status);  \
  } while (0)

static void *profiled(void) {
  void *options = NULL;
  char *text = strdup("enable_profiling = true\n");
  CALL(LiteRtCreateOpaqueOptions, "runtime_options_string", text, free, &options);
  return options;
}

static void *compile(void *environment, void *model, int with_profiler) {
  void *options = NULL, *compiled = NULL;
  CALL(LiteRtCreateOptions, &options);
  CALL(LiteRtSetOptionsHardwareAccelerators, options, CPU);
  if (with_profiler) CALL(LiteRtAddOpaqueOptions, options, profiled());
  CALL(LiteRtCreateCompiledModel, environment, model, options, &compiled);
  return compiled;
}

static void *buffer_of(void *environment, void *tensor, void *requirements) {
  tensor_type type;
  void *buffer = NULL;
  memset(&type, 0, sizeof type);
  CALL(LiteRtGetRankedTensorType, tensor, &type);
  for (uint32_t i = 0; i < type.rank && i < MOST_DIMENSIONS; i++)
    if (type.dimensions[i] < 0) type.dimensions[i] = 1;
  CALL(LiteRtCreateManagedTensorBufferFromRequirements, environment, &type, requirements, &buffer);
  return buffer;
}

static void make_inputs(void *environment, void *compiled, void *signature, tensors *made) {
  CALL(LiteRtGetNumSignatureInputs, signature, &made->count);
  if (made->count > MOST_TENSORS) fail(REFUSED, "more than %d inputs", MOST_TENSORS);
  for (size_t i = 0; i < made->count; i++) {
    void *tensor = NULL, *requirements = NULL;
    CALL(LiteRtGetSignatureInputTensorByIndex, signature, i, &tensor);
    CALL(LiteRtGetCompiledModelInputBufferRequirements, compiled, (size_t)0, i, &requirements);
    made->buffers[i] = buffer_of(environment, tensor, requirements);
    CALL(LiteRtGetTensorBufferPackedSize, made->buffers[i], &made->sizes[i]);
  }
}

static void make_outputs(void *environment, void *compiled, void *signature, tensors *made) {
  CALL(LiteRtGetNumSignatureOutputs, signature, &made->count);
  if (made->count > MOST_TENSORS) fail(REFUSED, "more than %d outputs", MOST_TENSORS);
  for (size_t i = 0; i < made->count; i++) {
    void *tensor = NULL, *requirements = NULL;
    const char *name = NULL;
    CALL(LiteRtGetSignatureOutputTensorByIndex, signature, i, &tensor);
    CALL(LiteRtGetCompiledModelOutputBufferRequirements, compiled, (size_t)0, i, &requirements);
    made->buffers[i] = buffer_of(environment, tensor, requirements);
    CALL(LiteRtGetTensorBufferPackedSize, made->buffers[i], &made->sizes[i]);
    CALL(LiteRtGetSignatureOutputName, signature, i, &name);
    printf("output %zu ", made->sizes[i]);
    end_line(name);
  }
}

/* Inputs lie in the files in the order of `names`; a file without a signature has that order. */
static void order(void *signature, tensors *inputs) {
  static char text[1 << 20];
  const char *names[MOST_TENSORS];
  size_t count = 0, known = 0, size;
  FILE *file = fopen(within("names"), "rb");
  if (!file) fail(BROKEN, "there is no file of names");
  size = fread(text, 1, sizeof text - 1, file);
  fclose(file);
  for (char *at = text; at < text + size && count < MOST_TENSORS; at += strlen(at) + 1)
    names[count++] = at;
  if (count != inputs->count)
    fail(REFUSED, "the file takes %zu inputs, not %zu", inputs->count, count);
  for (size_t i = 0; i < count; i++) {
    const char *name = NULL;
    CALL(LiteRtGetSignatureInputName, signature, i, &name);
    inputs->place[i] = -1;
    for (size_t k = 0; k < count; k++)
      if (!strcmp(names[k], name)) inputs->place[i] = (int)k;
    known += inputs->place[i] >= 0;
  }
  for (size_t i = 0; i < count; i++) {
    if (known < count) inputs->place[i] = (int)i;
    printf("input %zu ", inputs->sizes[i]);
    end_line(names[inputs->place[i]]);
  }
}

static void move(tensors *which, FILE *file, int writing) {
  for (size_t k = 0; k < which->count; k++)
    for (size_t i = 0; i < which->count; i++) {
      void *at = NULL;
      size_t moved;
      if ((size_t)which->place[i] != k) continue;
      CALL(LiteRtLockTensorBuffer, which->buffers[i], &at, writing ? WRITE : READ);
      moved = writing ? fread(at, 1, which->sizes[i], file) : fwrite(at, 1, which->sizes[i], file);
      CALL(LiteRtUnlockTensorBuffer, which->buffers[i]);
      if (moved != which->sizes[i]) fail(BROKEN, "%s is too short", writing ? "in" : "out");
    }
}

static void run(void *compiled, tensors *inputs, tensors *outputs) {
  CALL(LiteRtRunCompiledModel, compiled, (size_t)0, inputs->count, inputs->buffers, outputs->count,
       outputs->buffers);
}

static void profile(void *compiled, tensors *inputs, tensors *outputs) {
  void *profiler = NULL;
  int count = 0;
  event *events;
  CALL(LiteRtCompiledModelGetProfiler, compiled, &profiler);
  CALL(LiteRtStartProfiler, profiler);
  uint64_t before = looks;
  profiling = 1;
  mark(BEGIN);
  run(compiled, inputs, outputs);
  mark(END);
  profiling = 0;
  CALL(LiteRtStopProfiler, profiler);
  CALL(LiteRtGetNumProfilerEvents, profiler, &count);
  events = calloc((size_t)count + 1, sizeof *events);
  CALL(LiteRtGetProfilerEvents, profiler, count, events);
  for (int i = 0; i < count; i++) {
    printf("event %d %llu %llu %llu %llu ", events[i].type,
           (unsigned long long)(events[i].start_us ? events[i].start_us - before : 0),
           (unsigned long long)events[i].elapsed_us,
           (unsigned long long)events[i].metadata[0], (unsigned long long)events[i].metadata[1]);
    end_line(events[i].tag);
  }
}

int main(int count, char **words) {
  void *environment = NULL, *model = NULL, *signature = NULL, *compiled;
  static tensors inputs, outputs;
  setvbuf(stdout, NULL, _IOLBF, 0);
  if (count != 5) fail(BROKEN, "expected FOLDER MODE SAMPLES MARKED");
  folder = words[1];
  int operators = !strcmp(words[2], "operators"), computing = !strcmp(words[2], "outputs");
  FILE *in = fopen(within("in"), "rb"), *out = fopen(within("out"), "r+b");
  if (!in || !out) fail(BROKEN, "the files of inputs and outputs cannot be opened");
  if (!(library = dlopen(within("libLiteRt.so"), RTLD_NOW))) fail(BROKEN, "%s", dlerror());
  CALL(LiteRtCreateEnvironment, 0, NULL, &environment);
  CALL(LiteRtCreateModelFromFile, environment, within("model.tflite"), &model);
  compiled = compile(environment, model, operators);
  CALL(LiteRtGetModelSignature, model, (size_t)0, &signature);
  make_inputs(environment, compiled, signature, &inputs);
  make_outputs(environment, compiled, signature, &outputs);
  order(signature, &inputs);
  for (size_t i = 0; i < outputs.count; i++) outputs.place[i] = (int)i;
  for (int i = atoi(words[3]); i > 0; i--) {
    move(&inputs, in, 1);
    if (!computing) continue;
    run(compiled, &inputs, &outputs);
    move(&outputs, out, 0);
  }
  fclose(out);
  if (!computing) run(compiled, &inputs, &outputs); /* what is done once is done now */
  mark(READY);
  for (int i = atoi(words[4]); i > 0; i--) {
    mark(BEGIN);
    run(compiled, &inputs, &outputs);
    mark(END);
  }
  if (operators) profile(compiled, &inputs, &outputs);
  printf("done\n");
  fflush(stdout);
  _exit(0); /* taking the runtime down costs time, and can fail */
}
