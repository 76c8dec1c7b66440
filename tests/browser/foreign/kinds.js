"use strict";
// Calls of some kinds only, one after another on one socket: a test says what to offer, or how to answer.

const SECONDS = 20;
const element = (id) => document.getElementById(id);

let socket = null;
let stream = null;
let connection = null;
let channel = null;
let offered = null; // the partner's newest offer that was not answered yet
let early = []; // candidates that came before their description

const send = (type, payload) => socket.send(JSON.stringify({ type, payload }));
const track = (kind) => stream.getTracks().find((it) => it.kind === kind);

async function until(what, condition) {
  const end = performance.now() + SECONDS * 1000;
  for (;;) {
    const value = await condition();
    if (value) return value;
    if (performance.now() > end) throw new Error(`waited ${SECONDS} s for ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

async function join(relay, role) {
  stream = await navigator.mediaDevices.getUserMedia({ audio: true, video: { width: 320, height: 240 } });
  let ready = false;
  socket = new WebSocket(relay);
  socket.onopen = () => send("join", { role });
  socket.onmessage = async ({ data }) => {
    const { type, payload } = JSON.parse(data);
    if (type === "ready") ready = true;
    else if (type === "offer") offered = payload;
    else if (type === "answer") await apply(payload);
    else if (type === "ice-candidate") await add(payload);
  };
  await until("a partner", () => ready);
}

function begin() {
  channel = null;
  early = [];
  const it = new RTCPeerConnection();
  connection = it;
  element("remote").srcObject = new MediaStream();
  it.ontrack = (event) => element("remote").srcObject.addTrack(event.track);
  it.onicecandidate = (event) => event.candidate && it === connection && send("ice-candidate", event.candidate);
}

async function apply(description) {
  await connection.setRemoteDescription(description);
  for (const candidate of early.splice(0)) await add(candidate);
}

async function add(candidate) {
  if (!connection || !connection.remoteDescription) early.push(candidate);
  else if (candidate.candidate) await connection.addIceCandidate(candidate).catch(() => {}); // of the call before
}

// What a program that has no use for these sections would have written.
function rejecting(sdp, indexes) {
  const [session, ...sections] = sdp.split(/^(?=m=)/m);
  const mids = indexes.map((index) => /^a=mid:(\S+)/m.exec(sections[index])[1]);
  const group = (line) => line.split(" ").filter((word) => !mids.includes(word)).join(" ");
  const reject = (section) => section.replace(/^m=(\S+) \d+/, "m=$1 0").replace(/^a=(ice|finger|candid|setup|bundle).*\r\n/gm, "");
  const whole = sections.map((section, index) => (indexes.includes(index) ? reject(section) : section));
  return session.replace(/^a=group:BUNDLE .*$/m, group) + whole.join("");
}

// `sections` are of the form [kind, direction, codec or nothing]; `reject` are indexes of them.
async function offer({ sections, data = false, reject = [] }) {
  begin();
  for (const [kind, direction, codec] of sections) {
    const it = connection.addTransceiver(direction.startsWith("send") ? track(kind) : kind, { direction });
    if (codec) prefer(it, kind, codec);
  }
  if (data) channel = connection.createDataChannel("words");
  await connection.setLocalDescription();
  const { type, sdp } = connection.localDescription;
  send("offer", { type, sdp: rejecting(sdp, reject) });
  await until("a connection", () => connection.connectionState === "connected");
}

// `wishes` says for each kind a direction, or "stopped"; `reject` are indexes of sections, `codec` is the only one for
// pictures.
async function answer({ wishes, reject = [], codec = null }) {
  const description = await until("an offer", () => offered);
  offered = null;
  begin();
  await apply(description);
  for (const it of connection.getTransceivers()) {
    const kind = it.receiver.track.kind;
    const wish = wishes[kind];
    if (wish === "stopped") it.stop();
    else it.direction = wish;
    if (codec && kind === "video") prefer(it, kind, codec);
    if (wish.startsWith("send")) await it.sender.replaceTrack(track(kind));
  }
  await connection.setLocalDescription();
  const { type, sdp } = connection.localDescription;
  send("answer", { type, sdp: rejecting(sdp, reject) });
}

function prefer(transceiver, kind, codec) {
  const known = RTCRtpReceiver.getCapabilities(kind).codecs;
  transceiver.setCodecPreferences(known.filter((it) => it.mimeType.toLowerCase() === `${kind}/${codec}`.toLowerCase()));
}

// The kinds that arrive, once those of `kinds` do: pictures that were decoded, sound that is no silence.
async function arrives(kinds) {
  const here = new Set();
  await until(`${kinds} to arrive`, async () => {
    for (const it of (await connection.getStats()).values()) {
      if (it.type === "inbound-rtp" && (it.framesDecoded > 2 || (it.kind === "audio" && it.totalAudioEnergy > 0)))
        here.add(it.kind);
    }
    return kinds.every((kind) => here.has(kind)) && (!channel || channel.readyState === "open");
  });
  return [...here].sort();
}

function hangUp() {
  connection.close();
  connection = null;
}
