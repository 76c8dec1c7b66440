"use strict";
// The page: a camera, a microphone, a call, and what the benchmark asks of it.
((bench) => {
  /** A video track that shows the picture from now on: frames of the application's own, as a camera's driver gives. */
  function openCamera(picture, { width, height, fps }) {
    const generator = new MediaStreamTrackGenerator({ kind: "video" });
    const writer = generator.writable.getWriter();
    bench.keepTime(fps, (counter) => {
      const data = picture.draw(counter, bench.unixTime());
      const timestamp = Math.round((counter / fps) * 1e6);
      writer.write(new VideoFrame(data, { format: "I420", codedWidth: width, codedHeight: height, timestamp }));
    });
    return generator;
  }

  /** Reads a remote video track to its end. */
  async function look(track, watch) {
    const reader = new MediaStreamTrackProcessor({ track, maxBufferSize: 30 }).readable.getReader();
    let pixels = new Uint8Array(0);
    for (;;) {
      const { value: frame, done } = await reader.read();
      if (done) return;
      const at = bench.unixTime();
      const { x, y, width, height } = frame.visibleRect;
      // The code is all that is read of most frames, in whole pairs of lines: chroma has half of them.
      const rows = watch.samplesNow(at) ? height : Math.ceil(height / 16) * 2;
      const rect = { x, y, width, height: rows };
      const size = frame.allocationSize({ rect });
      if (pixels.length < size) pixels = new Uint8Array(size);
      const [{ offset, stride }] = await frame.copyTo(pixels, { rect });
      frame.close();
      watch.see(at, pixels.subarray(offset), stride, width, height, rows === height);
    }
  }

  /** Opens camera and microphone, and joins the room; resolves when there is a place in it. */
  bench.join = async (options) => {
    const texture = await (await fetch("texture")).arrayBuffer();
    const picture = new bench.MovingPicture(texture, options.width, options.height);
    // A page that may use a microphone shows its addresses; others hide them behind mDNS names.
    const stream = await navigator.mediaDevices.getUserMedia({ audio: true });
    stream.addTrack(openCamera(picture, options));
    bench.watch = new bench.Watch(options.samples !== "");
    bench.call = new bench.Call(options, bench.watch, stream, (track) => look(track, bench.watch));
    await bench.call.joined;
  };

  bench.report = () => ({ ready: bench.watch.readyAt, sightings: bench.watch.sightings });
  bench.last = () => ({ ready: bench.watch.readyAt, sightings: bench.watch.sightings.slice(-1) });

  /** The sampled luma planes: [[number of the sighting, base64], ...]. */
  bench.samples = () =>
    Promise.all(
      bench.watch.samples.map(
        ([number, luma]) =>
          new Promise((resolve) => {
            const reader = new FileReader();
            reader.onload = () => resolve([number, reader.result.slice(reader.result.indexOf(",") + 1)]);
            reader.readAsDataURL(new Blob([luma]));
          }),
      ),
    );

  /** What Chrome counts of the video that it sends and receives. */
  bench.stats = async () => {
    const found = {};
    for (const entry of (await bench.call.connection.getStats()).values()) {
      if (entry.kind === "video" && ["inbound-rtp", "outbound-rtp"].includes(entry.type)) found[entry.type] = entry;
    }
    return found;
  };
})((globalThis.bench ??= {}));
