// The page: one socket to the server, one video at a time.

import { Camera } from "./camera.js";
import { median, reset, seconds, show, unpack } from "./view.js";

const byId = (id) => document.getElementById(id);
const RECENT = 30;
const SILENCE = 2500; // ms without a picture after which the page says why
const BUSY = ["preparing", "running", "packing"];
const WORDS = {
  preparing: "Preparing the model…",
  running: "Segmenting",
  packing: "Packing the masks…",
  done: "Done",
  cancelled: "Cancelled",
  failed: "Failed",
};

let server = null; // what the server said of itself
let upload = null; // facts of the file that lies on the server
let sending = null; // the request that takes a file there
let state = "idle";
let isLive = false;
let camera = null;
let latencies = [];
let showing = Promise.resolve();
let lastSign = 0; // when the server last showed that it is at work

const socket = new WebSocket(`${location.protocol === "https:" ? "wss" : "ws"}://${location.host}/ws`);
socket.binaryType = "arraybuffer";

socket.addEventListener("message", ({ data }) => {
  if (typeof data === "string") return receive(JSON.parse(data));
  const preview = unpack(data);
  lastSign = performance.now();
  let latency = null;
  if (camera) {
    latencies = [...latencies.slice(1 - RECENT), camera.answered()];
    latency = median(latencies);
    camera.sendPicture();
  }
  // Pictures are decoded in the background, and shown in the order in which they came.
  showing = showing.then(() => show(preview, latency));
});
socket.addEventListener("close", () => {
  stopCamera();
  state = "gone";
  byId("connection").textContent = "not connected";
  byId("connection").className = "bad";
  if (!byId("message").dataset.refused) say("The connection to the server is lost; start it and reload the page.");
  update();
});

function receive(message) {
  switch (message.type) {
    case "hello":
      return greet(message);
    case "state":
      return enter(message);
    case "error":
      stopCamera();
      return say(message.message);
    case "refused":
      byId("message").dataset.refused = "yes";
      return say(message.message);
  }
}

function greet(message) {
  server = message;
  byId("connection").textContent = "connected";
  byId("connection").className = "good";
  byId("model").replaceChildren(...message.models.map((model) => new Option(model.name, model.name)));
  byId("runtime").replaceChildren(...message.runtimes.map((name) => new Option(name, name)));
  byId("runtime").value = message.runtime;
  byId("schemes").textContent = `${message.schemes.map((scheme) => `${scheme}://`).join(", ")}`;
  document.querySelector("input[value=url]").disabled = !message.schemes.length;
  offerSizes();
  update();
}

function offerSizes() {
  const own = model().size;
  const others = [120, 160, 240, 320, 480, 720].filter((size) => size !== own);
  byId("size").replaceChildren(
    new Option(`${own} (own)`, ""),
    ...others.map((size) => new Option(`${size}`, `${size}`)),
  );
}

function model() {
  return server.models.find(({ name }) => name === byId("model").value);
}

function source() {
  return document.querySelector("input[name=source]:checked").value;
}

function style() {
  return { opacity: byId("opacity").valueAsNumber / 100, outlines: byId("outlines").checked };
}

function say(text, isNote = false) {
  byId("message").textContent = text ?? "";
  byId("message").hidden = !text;
  byId("message").classList.toggle("note", isNote);
  if (text) byId("message").scrollIntoView({ block: "nearest" });
}

function enter(message) {
  state = message.state;
  lastSign = performance.now();
  byId("status").textContent = WORDS[state];
  if (state === "running") {
    isLive = message.live;
    byId("runtime-shown").textContent = message.runtime;
  }
  if (!BUSY.includes(state)) stopCamera();
  if (state === "failed") say(message.message);
  if (state === "cancelled") say("Cancelled; nothing was kept.", true);
  if (state === "done") {
    const rate = message.seconds ? ` (${(message.frames / message.seconds).toFixed(1)} frames/s)` : "";
    const problems = message.problems.length ? ` Problems: ${message.problems.join("; ")}` : "";
    say(`Done: ${message.frames} frames in ${seconds(message.seconds)}${rate}.${problems}`, true);
    for (const [id, kind] of [["overlay", "overlay.mp4"], ["masks", "masks.zip"]]) {
      byId(id).href = `/api/sessions/${server.session}/${kind}`;
    }
    byId("downloads").hidden = !message.kept.length;
  }
  update();
}

function update() {
  const isBusy = BUSY.includes(state);
  const isReady = server && state !== "gone" && !isBusy && !sending;
  const kind = source();
  for (const name of ["file", "webcam", "url"]) byId(`${name}-part`).hidden = name !== kind;
  byId("start").disabled = !isReady || (kind === "file" && !upload);
  byId("stop").disabled = !(isBusy || sending);
  byId("stop").textContent = isBusy && isLive ? "Stop" : "Cancel";
  byId("progress-part").hidden = !isBusy;
  if (isBusy && state !== "running") {
    byId("progress").removeAttribute("value");
    byId("progress-text").textContent = WORDS[state];
  }
  for (const element of document.querySelectorAll("#sources input, #model, #runtime, #size, #keep")) {
    element.disabled = isBusy || state === "gone" || (element.value === "url" && !server?.schemes.length);
  }
}

byId("controls").addEventListener("submit", async (event) => {
  event.preventDefault();
  if (byId("start").disabled) return;
  say(null);
  const order = {
    type: "start",
    source: source(),
    url: byId("url").value,
    model: byId("model").value,
    runtime: byId("runtime").value,
    size: byId("size").value ? Number(byId("size").value) : null,
    keep: byId("keep").checked,
    ...style(),
  };
  isLive = order.source === "webcam";
  if (order.source === "webcam") {
    camera = new Camera((picture) => socket.send(picture));
    latencies = [];
    try {
      await camera.open();
    } catch (error) {
      stopCamera();
      return say(error.message);
    }
  }
  byId("downloads").hidden = true;
  await showing;
  reset(model().classes);
  byId("stage").scrollIntoView({ block: "nearest" });
  socket.send(JSON.stringify(order));
  camera?.sendPicture();
});

byId("stop").addEventListener("click", () => {
  if (sending) sending.abort(); // the server drops what it has of it
  else socket.send(JSON.stringify({ type: "stop" }));
});

function stopCamera() {
  camera?.close();
  camera = null;
}

for (const id of ["opacity", "outlines"]) {
  byId(id).addEventListener("input", () => {
    byId("opacity-shown").textContent = `${byId("opacity").value} %`;
    if (BUSY.includes(state)) socket.send(JSON.stringify({ type: "style", ...style() }));
  });
}
byId("model").addEventListener("change", offerSizes);
byId("sources").addEventListener("change", update);
byId("file").addEventListener("change", () => {
  if (byId("file").files.length) send(byId("file").files[0]);
  byId("file").value = ""; // so that the same file can be chosen again
});

// Fetch tells nothing of an upload's progress, so it is the older request.
function send(file) {
  say(null);
  upload = null;
  byId("file-name").textContent = file.name;
  byId("file-facts").textContent = "";
  const limit = server.max_upload_bytes;
  if (file.size > limit) {
    byId("file-facts").textContent = "too large";
    say(`got ${file.name} of ${Math.ceil(file.size / 1e6)} MB; expected at most ${limit / 1e6} MB; cut it`);
    return update();
  }
  sending = new XMLHttpRequest();
  sending.open("POST", `/api/sessions/${server.session}/upload?name=${encodeURIComponent(file.name)}`);
  sending.responseType = "json";
  sending.upload.addEventListener("progress", ({ loaded, total }) => (byId("upload").value = loaded / total));
  sending.addEventListener("loadend", () => received(sending));
  byId("upload").value = 0;
  byId("upload").hidden = false;
  sending.send(file);
  update();
}

function received(request) {
  sending = null;
  byId("upload").hidden = true;
  const answer = request.response;
  if (request.status === 200) {
    upload = answer;
    const facts = [`${answer.width}×${answer.height}`];
    if (answer.fps) facts.push(`${answer.fps.toFixed(2).replace(/\.?0+$/, "")} frames/s`);
    if (answer.seconds) facts.push(seconds(answer.seconds));
    byId("file-facts").textContent = facts.join(", ");
    byId("status").textContent = `${answer.name} is ready`;
  } else {
    byId("file-facts").textContent = "choose another";
    say(answer?.error ?? "The upload did not arrive as a whole; choose the file again.");
  }
  update();
}

// Runtimes that compile do so at the first frame of a size, and again when the first references are there.
setInterval(() => {
  if (state === "running" && performance.now() - lastSign > SILENCE) {
    byId("progress-text").textContent = "Waiting for the next frame; a runtime that compiles takes longer at first";
  }
}, 500);

document.addEventListener("dragover", (event) => {
  event.preventDefault();
  document.body.classList.add("dropping");
});
document.addEventListener("dragleave", () => document.body.classList.remove("dropping"));
document.addEventListener("drop", (event) => {
  event.preventDefault();
  document.body.classList.remove("dropping");
  const file = event.dataTransfer.files[0];
  if (!file || !server || BUSY.includes(state) || sending || state === "gone") return;
  document.querySelector("input[value=file]").checked = true;
  send(file);
});
