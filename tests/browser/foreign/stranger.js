"use strict";
// A page that wants the picture of a peer whose user never meant it to have one, and a page that opens others.

/** Joins with this wish, and comes to "picture", "joined", "closed", or an error's code: whatever ends the attempt. */
function intrude({ relay, wish, until = "picture" }) {
  return new Promise((resolve) => {
    const socket = connectTo(relay);
    if (socket === null) return resolve("closed");
    const send = (type, payload) => socket.send(JSON.stringify({ type, payload }));
    const end = (how) => {
      socket.onclose = null;
      socket.close();
      resolve(how);
    };
    const connection = new RTCPeerConnection();
    connection.onicecandidate = ({ candidate }) => candidate && send("ice-candidate", candidate);
    connection.ontrack = ({ track }) => track.kind === "video" && show(track).then(() => end("picture"));
    const handlers = {
      joined: () => until === "joined" && end("joined"),
      error: ({ code, payload }) => end(code ?? payload.code),
      offer: async ({ payload }) => {
        await connection.setRemoteDescription(payload);
        await connection.setLocalDescription();
        send("answer", connection.localDescription);
      },
      "ice-candidate": ({ payload }) => connection.addIceCandidate(payload),
    };
    socket.onopen = () => send("join", { role: "answerer", ...wish });
    socket.onclose = () => end("closed");
    let handled = Promise.resolve();
    socket.onmessage = ({ data }) => {
      const message = JSON.parse(data);
      handled = handled.then(() => handlers[message.type]?.(message));
    };
  });
}

/** Null where the browser itself refuses. */
function connectTo(relay) {
  try {
    return new WebSocket(relay);
  } catch (error) {
    console.debug(error);
    return null;
  }
}

function show(track) {
  const video = document.getElementById("remote");
  video.srcObject = new MediaStream([track]);
  return new Promise((resolve) => video.requestVideoFrameCallback(resolve));
}

/** The same from a sandboxed frame, whose origin is `null`. */
function intrudeFromSandbox(attempt) {
  const frame = document.createElement("iframe");
  frame.sandbox = "allow-scripts";
  frame.src = location.href;
  const result = new Promise((resolve) => addEventListener("message", ({ data }) => resolve(data), { once: true }));
  frame.onload = () => frame.contentWindow.postMessage(attempt, "*");
  document.body.append(frame);
  return result.finally(() => frame.remove());
}

if (parent !== window) {
  addEventListener("message", async ({ data, source }) => source.postMessage(await intrude(data), "*"));
}

/** The ways in which a page brings another one up without its user. */
globalThis.WAYS = {
  opener: (target) => open(target),
  "cut off": (target) => {
    const opened = open("about:blank");
    opened.opener = null;
    opened.location = target;
  },
  link: (target) => {
    const link = Object.assign(document.createElement("a"), { href: target, target: "_blank", rel: "noreferrer" });
    document.body.append(link);
    link.click();
  },
};
