"use strict";
// The moving picture, as in benchmarks/picture.py, and a camera that sees it.
((bench) => {
  const MARGIN_X = 128;
  const MARGIN_Y = 64;

  /** 0, 1, ... reach, ... 1, 0, 1, ... */
  const toAndFro = (step, reach) => reach - Math.abs((step % (2 * reach)) - reach);
  const even = (value) => Math.floor(value / 2) * 2;

  class MovingPicture {
    #texture; // [Uint8Array, ...]: Y, U and V, larger than the picture by the margins
    #width;
    #height;

    /** `texture` is an ArrayBuffer with the three planes, one after the other. */
    constructor(texture, width, height) {
      const luma = (width + MARGIN_X) * (height + MARGIN_Y);
      this.#texture = [
        new Uint8Array(texture, 0, luma),
        new Uint8Array(texture, luma, luma / 4),
        new Uint8Array(texture, (luma * 5) / 4, luma / 4),
      ];
      this.#width = width;
      this.#height = height;
    }

    /** The frame as I420, without padding. `clock` is Unix time in milliseconds. */
    draw(counter, clock) {
      const [width, height] = [this.#width, this.#height];
      const data = new Uint8Array((width * height * 3) / 2);
      const panX = 2 * toAndFro(Math.floor(counter / 4), MARGIN_X / 2);
      const panY = 2 * toAndFro(Math.floor(counter / 12), MARGIN_Y / 2);
      const insetWidth = Math.floor(width / 8) * 2;
      const insetHeight = Math.floor(height / 6) * 2;
      const insetX = 2 * toAndFro(counter, Math.floor((width - insetWidth) / 2));
      const insetY = even(Math.floor(height / 4) * 2 - Math.floor(height / 8));
      let start = 0;
      this.#texture.forEach((still, index) => {
        const shift = index ? 1 : 0;
        const stride = (width + MARGIN_X) >> shift;
        const columns = width >> shift;
        const plane = data.subarray(start, start + columns * (height >> shift));
        copy(plane, columns, 0, 0, still, stride, panX >> shift, panY >> shift, columns, height >> shift);
        copy(plane, columns, insetX >> shift, insetY >> shift, still, stride, 0, 0, insetWidth >> shift, insetHeight >> shift);
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

  /** A video track that shows the picture from now on: frames of the application's own, as a camera's driver gives. */
  function openCamera(picture, { width, height, fps }) {
    const generator = new MediaStreamTrackGenerator({ kind: "video" });
    const writer = generator.writable.getWriter();
    const start = performance.now();
    const show = (slot) => {
      const data = picture.draw(slot, bench.unixTime());
      const timestamp = Math.round((slot / fps) * 1e6);
      writer.write(new VideoFrame(data, { format: "I420", codedWidth: width, codedHeight: height, timestamp }));
      const next = Math.max(slot + 1, Math.ceil(((performance.now() - start) * fps) / 1000));
      setTimeout(show, start + (next * 1000) / fps - performance.now(), next);
    };
    show(0);
    return generator;
  }

  Object.assign(bench, { MovingPicture, openCamera });
})((globalThis.bench ??= {}));
