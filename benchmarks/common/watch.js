"use strict";
// Notes every decoded frame: when it came and what was written on it; keeps the luma of some to compare.
((bench) => {
  /** Unix time of performance.now() = 0: Date.now() rounds down to whole milliseconds, so the largest difference. */
  const origin = (() => {
    let largest = -Infinity;
    for (const end = performance.now() + 30; performance.now() < end; ) {
      largest = Math.max(largest, Date.now() - performance.now());
    }
    return largest;
  })();

  /** Milliseconds, with fractions, on the system's clock. */
  bench.unixTime = () => origin + performance.now();

  class Watch {
    readyAt = null;
    sightings = []; // [at, counter, clock, width, height]
    samples = []; // [number of the sighting, luma without padding]

    #sawFirst;
    /** Resolves with the first frame. */
    firstFrame = new Promise((resolve) => (this.#sawFirst = resolve));
    #sampling;
    #nextSample = 0;

    constructor(sampling) {
      this.#sampling = sampling;
    }

    /** Whether a frame that comes at this time is one to keep: as benchmarks/samples.py says. */
    samplesNow(at) {
      return this.#sampling && at >= this.#nextSample;
    }

    /** A frame came; `whole` if all of its luma is given, else its first lines. */
    see(at, luma, stride, width, height, whole) {
      this.sightings.push([at, ...bench.readCode(luma, stride, width, height), width, height]);
      this.#sawFirst();
      if (!whole || !this.samplesNow(at)) return;
      this.#nextSample = at + (at - this.sightings[0][0] < 5000 ? 500 : 1000);
      const kept = new Uint8Array(width * height);
      for (let row = 0; row < height; row += 1) kept.set(luma.subarray(row * stride, row * stride + width), row * width);
      this.samples.push([this.sightings.length - 1, kept]);
    }
  }

  bench.Watch = Watch;
})((globalThis.bench ??= {}));
