"use strict";
// One end of a measured call: libwebrtc in Node, spoken to as benchmarks/end.py describes.
const fs = require("node:fs");
const path = require("node:path");
const readline = require("node:readline");
const wrtc = require("@roamhq/wrtc");

Object.assign(globalThis, wrtc, { WebSocket: require("ws") });
for (const name of ["barcode", "picture", "watch", "call"]) require(`../common/${name}.js`);

const bench = globalThis.bench;
const RATE = 48000;
const options = JSON.parse(process.argv.at(-1));
const watch = new bench.Watch(options.samples !== "");
const write = (message) => process.stdout.write(`${JSON.stringify(message)}\n`);

/** A camera that sees the moving picture. The buffers are used in turn, and nothing is made anew for a frame. */
function openCamera() {
  const { width, height, fps } = options;
  const texture = fs.readFileSync(options.texture);
  const still = texture.buffer.slice(texture.byteOffset, texture.byteOffset + texture.length);
  const picture = new bench.MovingPicture(still, width, height);
  const buffers = Array.from({ length: 4 }, () => new Uint8Array((width * height * 3) / 2));
  const source = new wrtc.nonstandard.RTCVideoSource();
  bench.keepTime(fps, (counter) => {
    const data = picture.draw(counter, bench.unixTime(), buffers[counter % buffers.length]);
    source.onFrame({ width, height, data });
  });
  return source.createTrack();
}

/** A microphone that hears a tone of 500 Hz: five waves fill the 10 ms that libwebrtc takes at a time. */
function openMicrophone() {
  const samples = Int16Array.from({ length: RATE / 100 }, (_, n) => 3000 * Math.sin((2 * Math.PI * 500 * n) / RATE));
  const source = new wrtc.nonstandard.RTCAudioSource();
  bench.keepTime(100, () => source.onData({ samples, sampleRate: RATE, bitsPerSample: 16, channelCount: 1 }));
  return source.createTrack();
}

/** Reads a remote video track to its end. */
function look(track) {
  const sink = new wrtc.nonstandard.RTCVideoSink(track);
  sink.onframe = ({ frame: { width, height, data } }) => {
    watch.see(bench.unixTime(), data, width, width, height, true);
    // On disk at once, so that the samples are not part of what the process takes.
    for (const [number, luma] of watch.samples.splice(0)) {
      fs.writeFileSync(path.join(options.samples, String(number)), luma);
    }
  };
  look.sinks = [...(look.sinks ?? []), sink]; // else it is collected as garbage
}

async function main() {
  const stream = new wrtc.MediaStream([openCamera(), openMicrophone()]);
  const call = new bench.Call(options, watch, stream, look);
  watch.firstFrame.then(() => write({ event: "frame" }));
  await call.joined;
  write({ event: "joined" });
  for await (const line of readline.createInterface({ input: process.stdin })) {
    const seen = line.trim() === "report" ? watch.sightings : watch.sightings.slice(-1);
    write({ event: "report", ready: watch.readyAt, sightings: seen });
  }
  process.exit();
}

main();
