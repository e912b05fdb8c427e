/* Runs ONNX files in ONNX Runtime's C interface.
 *
 * The interface is a table of functions whose places never change from one version to the next;
 * those that are called are named here. `shapes` in the folder has a line an input, its sizes. The
 * profiler writes a file where we are started; its times count looks at the clock from its own
 * beginning, and `profile` tells how many of these were before the profiled inference. */
#include "runner.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

enum {
  ERROR_MESSAGE = 2, CREATE_ENVIRONMENT = 3, DISABLE_TELEMETRY = 6, CREATE_SESSION = 7, RUN = 9,
  CREATE_OPTIONS = 10, PROFILE = 14, SET_OPTIMIZATION = 23, SET_THREADS = 24, INPUT_COUNT = 30,
  OUTPUT_COUNT = 31, INPUT_TYPE = 33, INPUT_NAME = 36, OUTPUT_NAME = 37, MAKE_TENSOR = 49,
  TENSOR_DATA = 51, TENSOR_OF_TYPE = 55, ELEMENT = 60, ELEMENTS = 64, TENSOR_TYPE = 65,
  CPU_MEMORY = 69, DEFAULT_ALLOCATOR = 78, RELEASE_VALUE = 96, RELEASE_TENSOR_TYPE = 99,
  END_PROFILING = 110, PROFILED_FROM = 146
};
enum { INTERFACE = 8, ERRORS_ONLY = 3, ALL_OPTIMIZATIONS = 99, ARENA = 0, DEFAULT_MEMORY = 0 };

const char *const library_name = "libonnxruntime.so";

typedef struct {
  void *const *(*table)(uint32_t version);
  const char *(*version)(void);
} base;

typedef struct {
  size_t count;
  char *names[MOST_TENSORS];
  void *values[MOST_TENSORS], *data[MOST_TENSORS];
  size_t sizes[MOST_TENSORS];
} tensors;

static void *const *table;
static void *session, *allocator;
static tensors inputs, outputs;

/* Every function gives a status, which is null where it worked. */
#define CALL(place, ...)                                                                         \
  do {                                                                                           \
    void *status = ((void *(*)())table[place])(__VA_ARGS__);                                     \
    if (status)                                                                                  \
      fail(REFUSED, "%s", ((const char *(*)(void *))table[ERROR_MESSAGE])(status));              \
  } while (0)

/* Bytes of an element, by ONNX's number for its type. */
static size_t element_size(int type) {
  static const size_t sizes[] = {0, 4, 1, 1, 2, 2, 4, 8, 0, 1, 2, 8, 4, 8, 8, 16, 2};
  size_t size = type > 0 && type < (int)(sizeof sizes / sizeof *sizes) ? sizes[type] : 0;
  if (!size) fail(REFUSED, "an element of type %d has no size", type);
  return size;
}

static size_t shape_of(FILE *file, int64_t *dimensions, size_t *rank) {
  char line[1024], *rest = line;
  size_t elements = 1;
  if (!fgets(line, sizeof line, file)) fail(REFUSED, "there are more inputs than shapes");
  for (*rank = 0; *rank < MOST_DIMENSIONS; (*rank)++) {
    char *end;
    int64_t size = strtoll(rest, &end, 10);
    if (end == rest) break;
    dimensions[*rank] = size;
    elements *= (size_t)size;
    rest = end;
  }
  return elements;
}

static void make_input(size_t index, FILE *shapes, void *memory) {
  void *type = NULL;
  const void *tensor = NULL;
  int element = 0;
  int64_t dimensions[MOST_DIMENSIONS];
  size_t rank, elements = shape_of(shapes, dimensions, &rank);
  CALL(INPUT_NAME, session, index, allocator, &inputs.names[index]);
  CALL(INPUT_TYPE, session, index, &type);
  CALL(TENSOR_OF_TYPE, type, &tensor);
  if (!tensor) fail(REFUSED, "input %s is no tensor", inputs.names[index]);
  CALL(ELEMENT, tensor, &element);
  inputs.sizes[index] = elements * element_size(element);
  if (posix_memalign(&inputs.data[index], 64, inputs.sizes[index] + 64)) fail(BROKEN, "out of memory");
  CALL(MAKE_TENSOR, memory, inputs.data[index], inputs.sizes[index], dimensions, rank, element,
       &inputs.values[index]);
  printf("input %zu ", inputs.sizes[index]);
  end_line(inputs.names[index]);
}

void load(int with_profiler) {
  void *environment = NULL, *options = NULL, *memory = NULL;
  FILE *shapes = fopen(within("shapes"), "r");
  base *(*get)(void) = (base * (*)(void)) symbol("OrtGetApiBase");
  if (!shapes) fail(BROKEN, "there is no file of shapes");
  if (!(table = get()->table(INTERFACE))) fail(BROKEN, "the runtime has another interface");
  CALL(CREATE_ENVIRONMENT, ERRORS_ONLY, "edgekit", &environment);
  CALL(DISABLE_TELEMETRY, environment);
  CALL(CREATE_OPTIONS, &options);
  CALL(SET_THREADS, options, 1);
  CALL(SET_OPTIMIZATION, options, ALL_OPTIMIZATIONS);
  if (with_profiler) CALL(PROFILE, options, "profile");
  CALL(CREATE_SESSION, environment, within("model.onnx"), options, &session);
  CALL(DEFAULT_ALLOCATOR, &allocator);
  CALL(CPU_MEMORY, ARENA, DEFAULT_MEMORY, &memory);
  CALL(INPUT_COUNT, session, &inputs.count);
  CALL(OUTPUT_COUNT, session, &outputs.count);
  if (inputs.count > MOST_TENSORS || outputs.count > MOST_TENSORS)
    fail(REFUSED, "more than %d inputs or outputs", MOST_TENSORS);
  for (size_t i = 0; i < inputs.count; i++) make_input(i, shapes, memory);
  for (size_t i = 0; i < outputs.count; i++)
    CALL(OUTPUT_NAME, session, i, allocator, &outputs.names[i]);
  fclose(shapes);
}

void feed(FILE *in) {
  for (size_t i = 0; i < inputs.count; i++) take(in, inputs.data[i], inputs.sizes[i]);
}

void run(void) {
  for (size_t i = 0; i < outputs.count; i++) {
    if (outputs.values[i]) ((void (*)(void *))table[RELEASE_VALUE])(outputs.values[i]);
    outputs.values[i] = NULL;
  }
  CALL(RUN, session, NULL, inputs.names, inputs.values, inputs.count, outputs.names, outputs.count,
       outputs.values);
}

static size_t size_of(void *value) {
  void *type = NULL;
  int element = 0;
  size_t elements = 0;
  CALL(TENSOR_TYPE, value, &type);
  CALL(ELEMENT, type, &element);
  CALL(ELEMENTS, type, &elements);
  ((void (*)(void *))table[RELEASE_TENSOR_TYPE])(type);
  return elements * element_size(element);
}

void hand_out(FILE *out) {
  for (size_t i = 0; i < outputs.count; i++) {
    void *data = NULL;
    CALL(TENSOR_DATA, outputs.values[i], &data);
    give(out, data, size_of(outputs.values[i]));
  }
}

void tell_outputs(void) {
  for (size_t i = 0; i < outputs.count; i++) {
    printf("output %zu ", size_of(outputs.values[i]));
    end_line(outputs.names[i]);
  }
}

void profile(void) {
  char *name = NULL;
  uint64_t started = 0, before = looks;
  profiling = 1;
  mark(BEGIN);
  run();
  mark(END);
  profiling = 0;
  CALL(END_PROFILING, session, allocator, &name);
  CALL(PROFILED_FROM, session, &started);
  printf("profile %llu\n", (unsigned long long)(before - started / 1000));
}
