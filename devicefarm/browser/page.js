// Runs one job, which the server has, and says what was found. edgekit calls `run` over DevTools.

import { heapKib } from "./heap.js";
import { inferencesPerSample, sampled, stepMs, warmedUp } from "./clock.js";

const ENGINES = { tflite: "./litert.js", onnx: "./onnx.js" };
const ARRAYS = {
  float32: Float32Array, float64: Float64Array, float16: globalThis.Float16Array ?? Uint16Array,
  int8: Int8Array, uint8: Uint8Array, bool: Uint8Array, int16: Int16Array, uint16: Uint16Array,
  int32: Int32Array, uint32: Uint32Array, int64: BigInt64Array, uint64: BigUint64Array,
};

export async function run() {
  const answer = {};
  let stage = "runtime";
  try {
    const job = await (await got("job/job.json")).json();
    const content = new Uint8Array(await (await got("job/model")).arrayBuffer());
    const batches = split(await (await got("job/inputs")).arrayBuffer(), job);
    const engine = await import(ENGINES[job.format]);
    let began = performance.now();
    answer.facts = { ...(await engine.start(job.threads)), ...facts() };
    answer.start_ms = performance.now() - began;
    answer.heap_before_kib = heapKib();
    stage = "file";
    began = performance.now();
    const invoke = await engine.open(content, job);
    answer.load_ms = performance.now() - began;
    stage = "inference";
    await time(() => invoke(batches[0]), job, answer);
    answer.outputs = await computed(invoke, batches);
    answer.heap_kib = heapKib();
  } catch (error) {
    answer.error = { stage, text: words(error) };
  }
  return JSON.stringify(answer);
}

async function got(place) {
  const response = await fetch(place);
  if (!response.ok) throw new Error(`${place}: ${response.status}`);
  return response;
}

function facts() {
  return {
    user_agent: navigator.userAgent,
    isolated: String(crossOriginIsolated),
    cores: String(navigator.hardwareConcurrency),
  };
}

// The arrays of each batch, which lie one after the other.
function split(buffer, job) {
  let offset = 0;
  const array = ({ dtype, shape }) => {
    const kind = ARRAYS[dtype];
    const bytes = shape.reduce((a, b) => a * b, 1) * kind.BYTES_PER_ELEMENT;
    const data = new kind(buffer.slice(offset, offset + bytes));
    offset += bytes;
    return { dtype, shape, data };
  };
  return Array.from({ length: job.batches }, () => job.inputs.map(array));
}

async function time(invoke, job, answer) {
  answer.clock_step_ms = stepMs();
  answer.warmup_ms = await warmedUp(invoke, job.warmup, job.warmup_seconds);
  if (!job.min_runs) return;
  const late = answer.warmup_ms.slice(-Math.ceil(answer.warmup_ms.length / 2));
  const middle = late.sort((a, b) => a - b)[late.length >> 1] ?? 0;
  const inferences = inferencesPerSample(middle, answer.clock_step_ms);
  answer.inferences_per_sample = inferences;
  answer.samples_ms = await sampled(invoke, inferences, {
    runs: job.min_runs, seconds: job.min_seconds, most: job.max_samples,
  });
}

// Sends the bytes of all outputs to the server, and returns what they are.
async function computed(invoke, batches) {
  const told = [];
  const bytes = [];
  for (const batch of batches) {
    const outputs = await invoke(batch);
    told.push(outputs.map(({ dtype, shape }) => ({ dtype, shape })));
    bytes.push(...outputs.map(({ data }) => data.slice()));
  }
  await fetch("job/outputs", { method: "POST", body: new Blob(bytes) });
  return told;
}

function words(error) {
  return (typeof error === "number" ? `exception ${error}` : String(error?.message ?? error)).slice(0, 2000);
}
