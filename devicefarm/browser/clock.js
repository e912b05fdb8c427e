// Times inferences with a clock that is coarse: as many at once as a sample needs to be much longer
// than a step of the clock.

const STEPS = 200; // a sample is at least so many steps of the clock long: it is off by 0.5 % at most
const LEAST_SAMPLES = 12;

// The smallest difference between two readings, in ms.
export function stepMs() {
  let least = Infinity;
  for (let i = 0; i < 50; i++) {
    const start = performance.now();
    let next = start;
    while (next === start) next = performance.now();
    least = Math.min(least, next - start);
  }
  return least;
}

// Runs until there are enough runs and enough time has passed; the ms of each run.
export async function warmedUp(invoke, runs, seconds) {
  const taken = [];
  const end = performance.now() + 1e3 * seconds;
  while (taken.length < runs || performance.now() < end) {
    const start = performance.now();
    await invoke();
    taken.push(performance.now() - start);
  }
  return taken;
}

// How many inferences of so many ms a sample takes.
export function inferencesPerSample(ms, step) {
  return Math.max(1, Math.ceil((STEPS * step) / Math.max(ms, step / 10)));
}

// Samples of so many inferences each: the ms of one inference in each sample.
export async function sampled(invoke, inferences, { runs, seconds, most }) {
  const samples = [];
  const end = performance.now() + 1e3 * seconds;
  const enough = () =>
    samples.length >= LEAST_SAMPLES && samples.length * inferences >= runs && performance.now() >= end;
  while (!enough() && samples.length < Math.max(most, LEAST_SAMPLES)) {
    const start = performance.now();
    for (let i = 0; i < inferences; i++) await invoke();
    samples.push((performance.now() - start) / inferences);
  }
  return samples;
}
