"use strict";
// A page by somebody else, who knows only the fixed half of the protocol: joins when a role is picked, makes its
// connection when Start is pressed, and has no use for what comes before. Nothing is repeated, nothing kept.
// Address parameters: relay=ws://...; end=none|empty|null, how it says that there are no more candidates;
// offer=ready|start, whether it offers when there is a partner, or at once.

const parameters = new URLSearchParams(location.search);
const element = (id) => document.getElementById(id);
const facts = document.documentElement.dataset;

let role = null; // as the relay gave it
let partner = false;
let stream = null; // set by Start
let connection = null;

const socket = new WebSocket(parameters.get("relay"));
const send = (type, payload) => socket.send(JSON.stringify({ type, payload }));

socket.onopen = () => (facts.socket = "open");
socket.onmessage = async (event) => {
  const message = JSON.parse(event.data);
  try {
    await receive(message);
  } catch (error) {
    count("errors");
    log(`${message.type}: ${error}`);
  }
};

async function receive(message) {
  switch (message.type) {
    case "welcome":
      facts.client = message.clientId;
      break;
    case "joined":
      role = message.role;
      facts.role = role;
      facts.room = message.roomId;
      break;
    case "ready":
      partner = true;
      facts.partner = "here";
      if (stream) await connect();
      break;
    case "offer":
      if (!connection) return drop(message);
      await connection.setRemoteDescription(new RTCSessionDescription(description(message.payload)));
      await connection.setLocalDescription(await connection.createAnswer());
      send("answer", JSON.stringify(connection.localDescription));
      break;
    case "answer":
      if (!connection) return drop(message);
      await connection.setRemoteDescription(new RTCSessionDescription(description(message.payload)));
      break;
    case "ice-candidate":
      if (!connection || !connection.remoteDescription) return drop(message);
      await connection.addIceCandidate(new RTCIceCandidate(message.payload));
      break;
    case "peer-disconnected":
      partner = false;
      facts.partner = "left";
      hangUp();
      break;
    case "error":
      count("errors");
      log(message.message);
      break;
  }
}

function description(payload) {
  return typeof payload === "string" ? JSON.parse(payload) : payload;
}

async function connect() {
  if (connection) return;
  const it = new RTCPeerConnection();
  connection = it;
  for (const track of stream.getTracks()) it.addTrack(track, stream);
  it.ontrack = (event) => (element("remote").srcObject = event.streams[0]);
  it.onconnectionstatechange = () => (facts.connection = it.connectionState);
  it.onicecandidate = (event) => {
    if (event.candidate && event.candidate.candidate) send("ice-candidate", event.candidate);
    else if (!event.candidate) sendEnd();
  };
  if (role !== "offerer") return;
  await it.setLocalDescription(await it.createOffer());
  send("offer", JSON.stringify(it.localDescription));
}

function sendEnd() {
  facts.gathered = "all";
  const end = parameters.get("end");
  if (end === "empty") send("ice-candidate", { candidate: "" });
  else if (end === "null") send("ice-candidate", null);
}

function hangUp() {
  if (connection) connection.close();
  connection = null;
  element("remote").srcObject = null;
  facts.connection = "closed";
}

function drop(message) {
  count("dropped");
  log(`dropped: ${message.type}`);
}

function count(name) {
  facts[name] = Number(facts[name] || 0) + 1;
}

function log(text) {
  element("log").textContent += `${text}\n`;
}

for (const wanted of ["offerer", "answerer"]) {
  element(wanted).onclick = () => {
    hangUp();
    send("join", { role: wanted });
  };
}

element("start").onclick = async () => {
  stream = await navigator.mediaDevices.getUserMedia({ video: true, audio: true });
  element("local").srcObject = stream;
  facts.started = "yes";
  if (partner || parameters.get("offer") === "start") await connect();
};
