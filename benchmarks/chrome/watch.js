"use strict";
// Notes every decoded frame: when it came and what was written on it.
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

    #sawFirst;
    /** Resolves with the first frame of `watch`. */
    firstFrame = new Promise((resolve) => (this.#sawFirst = resolve));
    #pixels = new Uint8Array(0);

    /** Reads a remote video track to its end. */
    async watch(track) {
      const reader = new MediaStreamTrackProcessor({ track, maxBufferSize: 30 }).readable.getReader();
      for (;;) {
        const { value: frame, done } = await reader.read();
        if (done) return;
        await this.#see(frame);
      }
    }

    async #see(frame) {
      const at = bench.unixTime();
      const { width, height } = frame.visibleRect;
      // Whole pairs of lines: chroma has half of them.
      const rect = { x: frame.visibleRect.x, y: frame.visibleRect.y, width, height: Math.ceil(height / 16) * 2 };
      const size = frame.allocationSize({ rect });
      if (this.#pixels.length < size) this.#pixels = new Uint8Array(size);
      const [luma] = await frame.copyTo(this.#pixels, { rect });
      frame.close();
      const code = bench.readCode(this.#pixels.subarray(luma.offset), luma.stride, width, height);
      this.sightings.push([at, ...code, width, height]);
      this.#sawFirst();
    }
  }

  bench.Watch = Watch;
})((globalThis.bench ??= {}));
