"use strict";
// The code at the top of every picture, as in benchmarks/barcode.py.
((bench) => {
  const CELLS = 32;
  const WRAP = 2 ** 24;
  const BLACK = 16;
  const WHITE = 235;

  /** CRC-8 of a 24-bit number: polynomial 0x07, initial value 0. */
  function crc8(number) {
    let crc = 0;
    for (const shift of [16, 8, 0]) {
      crc ^= (number >> shift) & 0xff;
      for (let bit = 0; bit < 8; bit += 1) crc = crc & 0x80 ? (crc << 1) ^ 0x107 : crc << 1;
    }
    return crc;
  }

  /** Draws both rows over the top of a luma plane without padding. */
  function drawCode(luma, width, height, counter, clock) {
    const band = Math.floor(height / 8);
    [counter, clock].forEach((value, row) => {
      const number = value % WRAP;
      const code = number * 256 + crc8(number);
      const top = Math.floor((row * band) / 2);
      const line = luma.subarray(top * width, (top + 1) * width);
      for (let cell = 0; cell < CELLS; cell += 1) {
        const bit = Math.floor(code / 2 ** (CELLS - 1 - cell)) % 2;
        line.fill(bit ? WHITE : BLACK, Math.floor((cell * width) / CELLS), Math.floor(((cell + 1) * width) / CELLS));
      }
      for (let y = top + 1; y < Math.floor(((row + 1) * band) / 2); y += 1) luma.set(line, y * width);
    });
  }

  /** [counter, clock] of the first rows of a luma plane with this stride; nulls where they can't be read. */
  function readCode(luma, stride, width, height) {
    const band = Math.floor(height / 8);
    const numbers = [0, 1].map((row) => {
      const line = (Math.floor((row * band) / 2) + Math.floor(band / 4)) * stride;
      let code = 0;
      for (let cell = 0; cell < CELLS; cell += 1) {
        const x = Math.floor(((2 * cell + 1) * width) / (2 * CELLS));
        code = code * 2 + (luma[line + x] > (BLACK + WHITE) / 2 ? 1 : 0);
      }
      const number = Math.floor(code / 256);
      return crc8(number) === code % 256 ? number : null;
    });
    return numbers.includes(null) ? [null, null] : numbers;
  }

  Object.assign(bench, { drawCode, readCode });
})((globalThis.bench ??= {}));
