/* Runs OpenVINO files in OpenVINO's C interface, on its CPU plugin with its own choice of precision.
 *
 * `shapes` in the folder has a line an input, its sizes. The plugin tells of each node what it took,
 * in the mean of all inferences, and not when. The clock of the profiled one is such that this says
 * between which looks it ran: see `coded`. */
#include "runner.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

const char *const library_name = "libopenvino_c.so";

typedef struct {
  int64_t rank, *sizes;
} shape;

typedef struct {
  size_t count;
  void *tensors[MOST_TENSORS], *data[MOST_TENSORS];
  size_t sizes[MOST_TENSORS];
  char *names[MOST_TENSORS];
} tensors;

/* ov_profiling_info_t and the list of them. */
typedef struct {
  int status;
  int64_t real_us, cpu_us;
  const char *name, *exec_type, *kind;
} node;
typedef struct {
  node *all;
  size_t count;
} nodes;

static void *compiled, *request;
static tensors inputs, outputs;

static const char *why(void) { return ((const char *(*)(void))symbol("ov_get_last_err_msg"))(); }

/* Every function gives a status, which is 0 where it worked; its arguments are words. */
#define TRY(code, name, ...)                                \
  do {                                                      \
    int status = ((int (*)())symbol(#name))(__VA_ARGS__);   \
    if (status) fail(code, "%s: %s", #name, why());         \
  } while (0)
#define CALL(name, ...) TRY(REFUSED, name, __VA_ARGS__)

static void sized(size_t index, FILE *shapes) {
  int64_t sizes[MOST_DIMENSIONS];
  shape wanted = {0, sizes};
  char line[1024], *rest = line;
  if (!fgets(line, sizeof line, shapes)) fail(REFUSED, "there are more inputs than shapes");
  for (; wanted.rank < MOST_DIMENSIONS; wanted.rank++) {
    char *end;
    sizes[wanted.rank] = strtoll(rest, &end, 10);
    if (end == rest) break;
    rest = end;
  }
  /* A struct of two words is passed as two words, on both architectures. */
  CALL(ov_tensor_set_shape, inputs.tensors[index], wanted);
}

void load(int with_profiler) {
  void *core = NULL, *model = NULL;
  FILE *shapes = fopen(within("shapes"), "r");
  struct { void *versions; size_t count; } versions;
  char path[4096];
  if (!shapes) fail(BROKEN, "there is no file of shapes");
  snprintf(path, sizeof path, "%s", within("model.xml"));
  TRY(BROKEN, ov_core_create, &core);
  CALL(ov_core_read_model, core, path, within("model.bin"), &model);
  int (*compile)(void *, void *, const char *, size_t, void **, ...) = symbol("ov_core_compile_model");
  if (compile(core, model, "CPU", with_profiler ? 6 : 4, &compiled, "PERFORMANCE_HINT", "LATENCY",
              "INFERENCE_NUM_THREADS", "1", "PERF_COUNT", "YES")) {
    char *said = strdup(why());
    TRY(BROKEN, ov_core_get_versions_by_device_name, core, "CPU", &versions); /* is it there? */
    fail(REFUSED, "%s", said);
  }
  CALL(ov_compiled_model_create_infer_request, compiled, &request);
  CALL(ov_compiled_model_inputs_size, compiled, &inputs.count);
  CALL(ov_compiled_model_outputs_size, compiled, &outputs.count);
  if (inputs.count > MOST_TENSORS || outputs.count > MOST_TENSORS)
    fail(REFUSED, "more than %d inputs or outputs", MOST_TENSORS);
  for (size_t i = 0; i < inputs.count; i++) {
    CALL(ov_infer_request_get_input_tensor_by_index, request, i, &inputs.tensors[i]);
    sized(i, shapes);
    CALL(ov_tensor_data, inputs.tensors[i], &inputs.data[i]);
    CALL(ov_tensor_get_byte_size, inputs.tensors[i], &inputs.sizes[i]);
    printf("input %zu %zu\n", inputs.sizes[i], i);
  }
  fclose(shapes);
}

void feed(FILE *in) {
  for (size_t i = 0; i < inputs.count; i++) take(in, inputs.data[i], inputs.sizes[i]);
}

void run(void) { CALL(ov_infer_request_infer, request); }

static size_t output(size_t index, void **data) {
  void *tensor = NULL;
  size_t size = 0;
  CALL(ov_infer_request_get_output_tensor_by_index, request, index, &tensor);
  CALL(ov_tensor_get_byte_size, tensor, &size);
  CALL(ov_tensor_data, tensor, data);
  ((void (*)(void *))symbol("ov_tensor_free"))(tensor);
  return size;
}

void hand_out(FILE *out) {
  for (size_t i = 0; i < outputs.count; i++) {
    void *data = NULL;
    size_t size = output(i, &data);
    give(out, data, size);
  }
}

void tell_outputs(void) {
  for (size_t i = 0; i < outputs.count; i++) {
    void *data = NULL;
    printf("output %zu %zu\n", output(i, &data), i);
  }
}

/* At look k of the profiled inference it is k steps and k * k microseconds, so that from look s to
 * look e are e - s steps and (e - s) * (e + s) microseconds, less than a step, which tell both. All
 * of it is so many times longer as there are inferences in the mean. */
enum { STEP_BITS = 32, MOST_LOOKS = 1 << 15, SETTLED = 3 };

static uint64_t runs, looks_before;

static uint64_t coded(uint64_t look) {
  uint64_t k = look - looks_before;
  return looks_before + runs * ((k << STEP_BITS) + k * k);
}

/* In each inference before, a node took as many microseconds as looks. Looks are 0 and 0 where the
 * numbers do not come out even: the node did not run once in each inference. */
static void tell_node(const node *one) {
  uint64_t mean = (uint64_t)one->real_us, length = mean >> STEP_BITS;
  if (!length) return; /* it did not run */
  uint64_t product = (mean & ((1ull << STEP_BITS) - 1)) - length * (runs - 1) / runs;
  uint64_t sum = product / length;
  if (product % length || sum < length || (sum - length) % 2) sum = length = 0;
  printf("node %llu %llu ", (unsigned long long)(sum - length) / 2,
         (unsigned long long)(sum + length) / 2);
  put_word(one->kind);
  end_line(one->name);
}

void profile(void) {
  nodes told = {NULL, 0};
  struct timespec now;
  for (runs = inferences; runs < SETTLED; runs++) run();
  runs++;
  looks_before = looks;
  profiled_clock = coded;
  profiling = 1;
  mark(BEGIN);
  for (int i = 0; i < 2; i++) clock_gettime(CLOCK_REALTIME, &now); /* what looking takes */
  run();
  mark(END);
  profiling = 0;
  if (looks - looks_before > MOST_LOOKS) return;
  CALL(ov_infer_request_get_profiling_info, request, &told);
  for (size_t i = 0; i < told.count; i++) tell_node(&told.all[i]);
}
