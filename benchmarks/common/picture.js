"use strict";
// The moving picture, as in benchmarks/picture.py, and the times at which a camera would see it.
((bench) => {
  /** 0, 1, ... reach, ... 1, 0, 1, ... */
  const toAndFro = (step, reach) => reach - Math.abs((step % (2 * reach)) - reach);
  const even = (value) => Math.floor(value / 2) * 2;

  class MovingPicture {
    #stills; // [[Uint8Array, ...], ...]: Y, U and V of each
    #width;
    #height;

    /** `texture` is an ArrayBuffer with the three planes of each still, one after the other. */
    constructor(texture, width, height) {
      const luma = width * height;
      const size = (luma * 3) / 2;
      this.#stills = Array.from({ length: texture.byteLength / size }, (_, number) => [
        new Uint8Array(texture, number * size, luma),
        new Uint8Array(texture, number * size + luma, luma / 4),
        new Uint8Array(texture, number * size + (luma * 5) / 4, luma / 4),
      ]);
      this.#width = width;
      this.#height = height;
    }

    /** The frame as I420, without padding, in `data` if it is given. `clock` is Unix time in milliseconds. */
    draw(counter, clock, data = new Uint8Array((this.#width * this.#height * 3) / 2)) {
      const [width, height] = [this.#width, this.#height];
      const last = this.#stills.length - 1;
      const stills = this.#stills[last ? toAndFro(counter, last) : 0];
      const insetWidth = Math.floor(width / 16) * 2;
      const insetHeight = Math.floor(height / 12) * 2;
      const insetX = 2 * toAndFro(counter, Math.floor((width - insetWidth) / 2));
      const insetY = even(Math.floor(height / 4) * 2 - Math.floor(height / 8));
      let start = 0;
      stills.forEach((still, index) => {
        const shift = index ? 1 : 0;
        const plane = data.subarray(start, start + still.length);
        plane.set(still);
        if (!last) {
          const size = [insetWidth >> shift, insetHeight >> shift];
          copy(plane, width >> shift, insetX >> shift, insetY >> shift, still, width >> shift, 0, 0, ...size);
        }
        start += plane.length;
      });
      bench.drawCode(data.subarray(0, width * height), width, height, counter, Math.floor(clock));
      return data;
    }
  }

  /** A rectangle from one plane into another. */
  function copy(target, targetStride, targetX, targetY, source, sourceStride, sourceX, sourceY, width, height) {
    for (let row = 0; row < height; row += 1) {
      const from = (sourceY + row) * sourceStride + sourceX;
      target.set(source.subarray(from, from + width), (targetY + row) * targetStride + targetX);
    }
  }

  /** Calls show(counter) `fps` times a second by an absolute clock; what could only come late is left out. */
  function keepTime(fps, show) {
    const start = performance.now();
    const step = (slot) => {
      show(slot);
      const next = Math.max(slot + 1, Math.ceil(((performance.now() - start) * fps) / 1000));
      setTimeout(step, start + (next * 1000) / fps - performance.now(), next);
    };
    step(0);
  }

  Object.assign(bench, { MovingPicture, keepTime });
})((globalThis.bench ??= {}));
