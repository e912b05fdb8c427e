/* Runs TFLite files in LiteRT's C interface.
 *
 * `names` in the folder has the inputs' names, a zero byte behind each, in the order in which they
 * lie in the files. Of the profiler's events those of delegates have length alone, and begin at 0. */
#define _GNU_SOURCE
#include "runner.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

enum { CPU = 1, READ = 0, WRITE = 1 };

const char *const library_name = "libLiteRt.so";

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
  const char *names[MOST_TENSORS];
} tensors;

static void *compiled;
static tensors inputs, outputs;
static size_t chosen; /* the signature */

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

static void compile(void *environment, void *model, int with_profiler) {
  void *options = NULL;
  CALL(LiteRtCreateOptions, &options);
  CALL(LiteRtSetOptionsHardwareAccelerators, options, CPU);
  if (with_profiler) CALL(LiteRtAddOpaqueOptions, options, profiled());
  CALL(LiteRtCreateCompiledModel, environment, model, options, &compiled);
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

static void make_inputs(void *environment, void *signature, tensors *made) {
  CALL(LiteRtGetNumSignatureInputs, signature, &made->count);
  if (made->count > MOST_TENSORS) fail(REFUSED, "more than %d inputs", MOST_TENSORS);
  for (size_t i = 0; i < made->count; i++) {
    void *tensor = NULL, *requirements = NULL;
    CALL(LiteRtGetSignatureInputTensorByIndex, signature, i, &tensor);
    CALL(LiteRtGetCompiledModelInputBufferRequirements, compiled, chosen, i, &requirements);
    made->buffers[i] = buffer_of(environment, tensor, requirements);
    CALL(LiteRtGetTensorBufferPackedSize, made->buffers[i], &made->sizes[i]);
  }
}

static void make_outputs(void *environment, void *signature, tensors *made) {
  CALL(LiteRtGetNumSignatureOutputs, signature, &made->count);
  if (made->count > MOST_TENSORS) fail(REFUSED, "more than %d outputs", MOST_TENSORS);
  for (size_t i = 0; i < made->count; i++) {
    void *tensor = NULL, *requirements = NULL;
    const char *name = NULL;
    CALL(LiteRtGetSignatureOutputTensorByIndex, signature, i, &tensor);
    CALL(LiteRtGetCompiledModelOutputBufferRequirements, compiled, chosen, i, &requirements);
    made->buffers[i] = buffer_of(environment, tensor, requirements);
    CALL(LiteRtGetTensorBufferPackedSize, made->buffers[i], &made->sizes[i]);
    CALL(LiteRtGetSignatureOutputName, signature, i, &name);
    made->names[i] = name;
    made->place[i] = (int)i;
  }
}

static const char *wanted[MOST_TENSORS]; /* the names of the inputs */
static size_t wanted_count;

static void read_names(void) {
  static char text[1 << 20];
  FILE *file = fopen(within("names"), "rb");
  if (!file) fail(BROKEN, "there is no file of names");
  size_t size = fread(text, 1, sizeof text - 1, file);
  fclose(file);
  for (char *at = text; at < text + size && wanted_count < MOST_TENSORS; at += strlen(at) + 1)
    wanted[wanted_count++] = at;
}

/* Place of a signature's input among the wanted names, -1 if it is not there. */
static int place_of(void *signature, size_t input) {
  const char *name = NULL;
  CALL(LiteRtGetSignatureInputName, signature, input, &name);
  for (size_t k = 0; k < wanted_count; k++)
    if (!strcmp(wanted[k], name)) return (int)k;
  return -1;
}

static size_t known_inputs(void *signature) {
  size_t count = 0, known = 0;
  CALL(LiteRtGetNumSignatureInputs, signature, &count);
  for (size_t i = 0; i < count; i++) known += place_of(signature, i) >= 0;
  return count == wanted_count ? known + 1 : 0;
}

/* Of the main graph's signatures the first with most of the names. */
static void *choose(void *model) {
  void *signature = NULL, *best = NULL, *main_graph = NULL, *graph = NULL;
  size_t count = 0, main_index = 0, known, most = 0;
  CALL(LiteRtGetMainModelSubgraphIndex, model, &main_index);
  CALL(LiteRtGetModelSubgraph, model, main_index, &main_graph);
  CALL(LiteRtGetNumModelSignatures, model, &count);
  for (size_t i = 0; i < count; i++) {
    CALL(LiteRtGetModelSignature, model, i, &signature);
    CALL(LiteRtGetSignatureSubgraph, signature, &graph);
    if (graph != main_graph || (known = known_inputs(signature)) <= most) continue;
    best = signature, chosen = i, most = known;
  }
  if (!best) fail(REFUSED, "no signature of its main graph takes %zu inputs", wanted_count);
  return best;
}

/* Inputs lie in the files in the order of the names; a file without a signature has that order. */
static void order(void *signature) {
  bool named = known_inputs(signature) == wanted_count + 1;
  for (size_t i = 0; i < inputs.count; i++) {
    inputs.place[i] = named ? place_of(signature, i) : (int)i;
    printf("input %zu ", inputs.sizes[i]);
    end_line(wanted[inputs.place[i]]);
  }
}

static void move(tensors *which, FILE *file, int writing) {
  for (size_t k = 0; k < which->count; k++)
    for (size_t i = 0; i < which->count; i++) {
      void *at = NULL;
      if ((size_t)which->place[i] != k) continue;
      CALL(LiteRtLockTensorBuffer, which->buffers[i], &at, writing ? WRITE : READ);
      if (writing) take(file, at, which->sizes[i]);
      else give(file, at, which->sizes[i]);
      CALL(LiteRtUnlockTensorBuffer, which->buffers[i]);
    }
}

void load(int with_profiler) {
  void *environment = NULL, *model = NULL, *signature = NULL;
  CALL(LiteRtCreateEnvironment, 0, NULL, &environment);
  CALL(LiteRtCreateModelFromFile, environment, within("model.tflite"), &model);
  compile(environment, model, with_profiler);
  read_names();
  signature = choose(model);
  make_inputs(environment, signature, &inputs);
  make_outputs(environment, signature, &outputs);
  order(signature);
}

void feed(FILE *in) { move(&inputs, in, 1); }

void hand_out(FILE *out) { move(&outputs, out, 0); }

void run(void) {
  CALL(LiteRtRunCompiledModel, compiled, chosen, inputs.count, inputs.buffers, outputs.count,
       outputs.buffers);
}

void tell_outputs(void) {
  for (size_t i = 0; i < outputs.count; i++) {
    printf("output %zu ", outputs.sizes[i]);
    end_line(outputs.names[i]);
  }
}

void profile(void) {
  void *profiler = NULL;
  int count = 0;
  event *events;
  CALL(LiteRtCompiledModelGetProfiler, compiled, &profiler);
  CALL(LiteRtStartProfiler, profiler);
  uint64_t before = looks;
  profiling = 1;
  mark(BEGIN);
  run();
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
