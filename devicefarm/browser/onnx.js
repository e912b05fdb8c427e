// ONNX files, in ONNX Runtime for the web.

import * as ort from "./ort/dist/ort.wasm.min.mjs";

export async function start(threads) {
  ort.env.wasm.wasmPaths = new URL("./ort/dist/", import.meta.url).href;
  ort.env.wasm.numThreads = threads;
  ort.env.logLevel = "error";
  return { simd: "SIMD" };
}

export async function open(content, job) {
  const session = await ort.InferenceSession.create(content, { executionProviders: ["wasm"] });
  return async (arrays) => {
    const given = {};
    session.inputNames.forEach((name, place) => {
      const { dtype, data, shape } = arrays[place];
      given[name] = new ort.Tensor(dtype, data, shape);
    });
    const made = await session.run(given);
    return session.outputNames.map((name) => {
      const { type, dims, data } = made[name];
      return { dtype: type, shape: [...dims], data };
    });
  };
}
