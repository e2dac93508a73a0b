// How the numbers and this file were made.

function makeProvenance() {
  const { data, made } = report;
  const about = {
    data: `${data.name}, layout ${data.layout}, split ${data.split}`,
    videos: `${count(data.videos, "video")}, ${count(data.frames, "frame")}, ${data.labelled_frames.toLocaleString("en")} with ground truth`,
    ...(data.left_out_as_damaged ? { "left out as damaged": String(data.left_out_as_damaged) } : {}),
    "this report": `vidseg ${made.vidseg}, ${made.date}`,
    "frames shown": `${made.frames}; label maps exact`,
    ...(made.command ? { command: make("code", {}, made.command) } : {}),
  };
  byId("made").append(list(about), ...report.models.flatMap((model, index) => [make("h3", {}, modelName(index)), list(entries(model.how))]));
}

function list(pairs) {
  return make("dl", {}, Object.entries(pairs).flatMap(([key, value]) => [make("dt", {}, key), make("dd", {}, value)]));
}

// Commands, hashes and nested settings in a form to read and to copy.
function entries(how) {
  const written = {};
  for (const [key, value] of Object.entries(how)) {
    if (key === "command") written[key] = make("code", {}, value);
    else if (key === "temporal_consistency") written["temporal consistency"] = inWords(value);
    else if (key === "seconds") written["wall time"] = `${value.toFixed(1)} s, with reading and scoring`;
    else if (key === "model") {
      written.model = value.name ?? "given from a program";
      if (value.weights_sha256) written["sha256 of the weights"] = make("code", {}, value.weights_sha256);
      written.architecture = value.architecture;
      written.configuration = make("code", {}, inWords(value.config));
    } else if (key === "predictions") written["folder of masks"] = value;
    else if (typeof value === "object") written[key] = inWords(value);
    else written[key] = String(value);
  }
  return written;
}

function inWords(value) {
  if (Array.isArray(value)) return `[${value.map(inWords).join(", ")}]`;
  if (value === null || typeof value !== "object") return String(value);
  return Object.entries(value).map(([key, one]) => {
    const text = inWords(one);
    return one !== null && typeof one === "object" && !Array.isArray(one) ? `${key} (${text})` : `${key} ${text}`;
  }).join(", ");
}
