// TFLite files, in LiteRT.js.

import { loadAndCompile, loadLiteRt, supportsFeature, Tensor } from "./litert/dist/index.js";
import { order } from "./order.js";

export async function start(threads) {
  await loadLiteRt("./litert/wasm/", { threads: threads > 1 });
  const relaxed = await supportsFeature("relaxedSimd");
  return { simd: relaxed ? "relaxed SIMD" : "SIMD, not relaxed" };
}

export async function open(content, job) {
  const model = await loadAndCompile(content, {
    accelerator: "wasm",
    cpuOptions: { numThreads: job.threads },
  });
  const inputs = order(model.getInputDetails(), job.inputs);
  const outputs = order(job.outputs, model.getOutputDetails());
  return async (arrays) => {
    const given = inputs.map((place) => new Tensor(arrays[place].data, arrays[place].shape));
    const made = await model.run(given);
    const found = made.map((tensor) => ({
      dtype: tensor.type.dtype,
      shape: [...tensor.type.layout.dimensions],
      data: tensor.toTypedArray(),
    }));
    for (const tensor of [...given, ...made]) tensor.delete();
    return outputs.map((place) => found[place]);
  };
}
