// Knows the memory of every WebAssembly module that is started after this file was imported.

const memories = new Set();

const Memory = WebAssembly.Memory;
WebAssembly.Memory = class extends Memory {
  constructor(descriptor) {
    super(descriptor);
    memories.add(this);
  }
};

for (const name of ["instantiate", "instantiateStreaming"]) {
  const original = WebAssembly[name];
  WebAssembly[name] = async (...given) => {
    const made = await original.apply(WebAssembly, given);
    for (const value of Object.values((made.instance ?? made).exports ?? {})) {
      if (value instanceof Memory) memories.add(value);
    }
    return made;
  };
}

// The largest of them, in KiB. Such memory never shrinks, so this is its peak.
export function heapKib() {
  return Math.max(0, ...[...memories].map((memory) => memory.buffer.byteLength / 1024));
}
