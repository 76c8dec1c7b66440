"use strict";
// Camera and microphone: whichever of them opens, and why the other does not.
((call) => {
  const CONSTRAINTS = {
    camera: { video: { width: { ideal: 1280 }, height: { ideal: 720 }, frameRate: { ideal: 30 } } },
    microphone: { audio: true },
  };
  const DEVICES = ["camera", "microphone"];

  /** Names of DOMException that getUserMedia rejects with (W3C mediacapture-streams §10.2), by what to tell people. */
  const REASONS = {
    NotAllowedError: "denied",
    NotFoundError: "not-found",
    OverconstrainedError: "not-found",
    NotReadableError: "busy",
    AbortError: "busy",
    SecurityError: "insecure",
  };

  /** {stream, problems: [{device, reason, detail}]}; the stream has the tracks of the devices that opened. */
  async function openMedia() {
    if (!navigator.mediaDevices?.getUserMedia) {
      const reason = isSecureContext ? "unsupported" : "insecure";
      return { stream: new MediaStream(), problems: [{ device: "both", reason }] };
    }
    try {
      const stream = await navigator.mediaDevices.getUserMedia({ ...CONSTRAINTS.camera, ...CONSTRAINTS.microphone });
      return { stream, problems: [] };
    } catch (error) {
      return openEach(error);
    }
  }

  /** One device that fails makes getUserMedia fail for both: try one at a time. */
  async function openEach(firstError) {
    const stream = new MediaStream();
    const problems = [];
    for (const device of DEVICES) {
      try {
        if (firstError.name === "NotAllowedError" && !(await isGranted(device))) throw firstError; // don't ask twice
        const one = await navigator.mediaDevices.getUserMedia(CONSTRAINTS[device]);
        for (const track of one.getTracks()) stream.addTrack(track);
      } catch (error) {
        problems.push({ device, reason: REASONS[error.name] ?? "unknown", detail: `${error.name}: ${error.message}` });
      }
    }
    const [one, other] = problems;
    const alike = other && one.reason === other.reason;
    return { stream, problems: alike ? [{ ...one, device: "both" }] : problems };
  }

  async function isGranted(device) {
    try {
      return (await navigator.permissions.query({ name: device })).state === "granted";
    } catch (error) {
      if (error instanceof TypeError) return false; // this browser does not tell
      throw error;
    }
  }

  function closeMedia(stream) {
    for (const track of stream?.getTracks() ?? []) track.stop();
  }

  Object.assign(call, { openMedia, closeMedia });
})((globalThis.call ??= {}));
