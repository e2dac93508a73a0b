// What is seen: the picture, the figures about it, and the classes in it.

const byId = (id) => document.getElementById(id);
const canvas = byId("picture");
const context = canvas.getContext("2d");
const LINGER = 1500; // ms that a class stays in the legend after it was last seen: less flicker to read

let classes = [];
let rows = new Map(); // class id -> {row, share, seen}

export function median(values) {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = sorted.length >> 1;
  return sorted.length % 2 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2;
}

export function seconds(value) {
  const whole = Math.round(value);
  const minutes = Math.floor(whole / 60);
  return minutes ? `${minutes} min ${whole % 60} s` : `${whole} s`;
}

// A preview is the length of its head (4 bytes), the head (JSON) and the picture (JPEG).
export function unpack(buffer) {
  const length = new DataView(buffer).getUint32(0);
  const head = JSON.parse(new TextDecoder().decode(new Uint8Array(buffer, 4, length)));
  return { head, picture: new Blob([new Uint8Array(buffer, 4 + length)], { type: "image/jpeg" }) };
}

export async function show({ head, picture }, latency) {
  const bitmap = await createImageBitmap(picture);
  if (canvas.width !== bitmap.width || canvas.height !== bitmap.height) {
    canvas.width = bitmap.width;
    canvas.height = bitmap.height;
  }
  context.drawImage(bitmap, 0, 0);
  bitmap.close();
  canvas.dataset.index = head.index;
  byId("placeholder").hidden = true;
  byId("fps").textContent = head.fps === null ? "–" : head.fps.toFixed(1);
  const delay = latency ?? (head.latency === null ? null : head.latency * 1000);
  byId("latency").textContent = delay === null ? "–" : `${delay.toFixed(0)} ms`;
  byId("frames").textContent = head.total === null ? head.done : `${head.done} / ${head.total}`;
  if (head.total) {
    byId("progress").value = Math.min(1, head.done / head.total);
    const left = head.left === null ? "" : `, ${seconds(head.left)} left`;
    byId("progress-text").textContent = `${Math.floor((100 * head.done) / head.total)} %${left}`;
  } else {
    byId("progress").removeAttribute("value");
    byId("progress-text").textContent = head.time === null ? "" : `live, ${seconds(head.time)}`;
  }
  showLegend(head.classes);
  const names = head.classes.map(([id]) => classes[id].name);
  canvas.setAttribute("aria-label", `Frame ${head.index}: ${names.join(", ")}`);
}

export function reset(newClasses) {
  classes = newClasses;
  rows = new Map();
  byId("legend").replaceChildren();
  for (const id of ["fps", "latency", "frames", "runtime-shown"]) byId(id).textContent = "–";
  byId("progress").removeAttribute("value");
  byId("progress-text").textContent = "";
}

function showLegend(present) {
  const now = performance.now();
  for (const [id, share] of present) {
    if (!rows.has(id)) rows.set(id, addRow(id));
    const entry = rows.get(id);
    entry.seen = now;
    entry.share.textContent = share < 0.001 ? "<0.1 %" : `${(100 * share).toFixed(1)} %`;
  }
  for (const [id, entry] of rows) {
    if (entry.seen === now) continue;
    entry.share.textContent = "0 %";
    if (now - entry.seen > LINGER) {
      entry.row.remove();
      rows.delete(id);
    }
  }
}

// Rows stand in the order of their ids, so that the legend holds still.
function addRow(id) {
  const row = document.createElement("li");
  row.dataset.id = id;
  const swatch = document.createElement("canvas"); // the policy of this page allows no inline styles
  swatch.width = swatch.height = 1;
  const paint = swatch.getContext("2d");
  paint.fillStyle = `rgb(${classes[id].colour.join(" ")})`;
  paint.fillRect(0, 0, 1, 1);
  const name = document.createElement("span");
  name.className = "name";
  name.textContent = name.title = classes[id].name;
  const share = document.createElement("span");
  share.className = "share";
  row.append(swatch, name, share);
  const next = [...byId("legend").children].find((other) => Number(other.dataset.id) > id);
  byId("legend").insertBefore(row, next ?? null);
  return { row, share, seen: 0 };
}
