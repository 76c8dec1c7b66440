"use strict";
// getStats (W3C webrtc-stats) brought down to what one line can hold.
((call) => {
  /** The streams of one direction and kind, with the one that moves most first. */
  function streamOf(reports, type, kind) {
    const bytes = (stat) => stat.bytesReceived ?? stat.bytesSent ?? 0;
    return reports
      .filter((stat) => stat.type === type && stat.kind === kind)
      .sort((one, other) => bytes(other) - bytes(one))[0];
  }

  function describe(reports, stat, before) {
    if (!stat) return null;
    const bytes = stat.bytesReceived ?? stat.bytesSent ?? 0;
    const seconds = before ? (stat.timestamp - before.timestamp) / 1000 : 0;
    const codec = reports.find((other) => other.id === stat.codecId);
    return {
      id: stat.id,
      timestamp: stat.timestamp,
      bytes,
      width: stat.frameWidth ?? 0,
      height: stat.frameHeight ?? 0,
      fps: Math.round(stat.framesPerSecond ?? 0),
      codec: codec?.mimeType.split("/")[1] ?? "",
      bitsPerSecond: seconds > 0 && before.id === stat.id ? Math.max(0, (8 * (bytes - before.bytes)) / seconds) : null,
    };
  }

  /** {received, sent, roundTripMs}: the video streams and the selected path. `previous` is the last result, or null. */
  function summarize(report, previous) {
    const reports = [...report.values()];
    const transport = reports.find((stat) => stat.type === "transport");
    const pair = reports.find((stat) => stat.id === transport?.selectedCandidatePairId);
    const seconds = pair?.currentRoundTripTime;
    return {
      received: describe(reports, streamOf(reports, "inbound-rtp", "video"), previous?.received),
      sent: describe(reports, streamOf(reports, "outbound-rtp", "video"), previous?.sent),
      roundTripMs: seconds === undefined ? null : Math.round(seconds * 1000),
    };
  }

  function formatStream(arrow, stream) {
    if (!stream?.width) return "";
    const rate = stream.bitsPerSecond;
    const parts = [`${stream.width}×${stream.height}`, `${stream.fps} fps`, rate === null ? "" : formatRate(rate), stream.codec];
    return `${arrow} ${parts.filter(Boolean).join(" · ")}`;
  }

  function formatRate(bitsPerSecond) {
    if (bitsPerSecond >= 1e6) return `${(bitsPerSecond / 1e6).toFixed(1)} Mbit/s`;
    return `${Math.round(bitsPerSecond / 1e3)} kbit/s`;
  }

  /** [received, sent, round trip], each a short text or "". */
  function formatStatistics({ received, sent, roundTripMs }) {
    return [
      formatStream("↓", received),
      formatStream("↑", sent),
      roundTripMs === null ? "" : `⇄ ${roundTripMs} ms`,
    ];
  }

  Object.assign(call, { summarizeStats: summarize, formatStatistics });
})((globalThis.call ??= {}));
