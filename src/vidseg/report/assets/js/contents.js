// What the report says, and what the reader has chosen to see of it.

const report = JSON.parse(byId("contents").textContent);

const SCORES = [
  ["mIoU", "mIoU"],
  ["wIoU", "wIoU"],
  ["pixel_accuracy", "pixel accuracy"],
  ["mean_accuracy", "mean accuracy"],
  ...report.windows.flatMap((n) => [[`mVC${n}`, `mVC${n}`], [`mCC${n}`, `mCC${n}`]]),
  ...(report.flows.length ? [["mTC", `mTC (flow ${report.flows.join(", ")})`]] : []),
];

const PROTOCOL_NOTES = {
  vspw: "As published VSPW tables count: videos of up to 16 frames are left out.",
  exact: "As the definitions say: every video and every window counts.",
};

const settings = {
  protocol: Object.keys(report.models[0].protocols).find((name) => report.models[0].protocols[name].mIoU !== null)
    ?? Object.keys(report.models[0].protocols)[0],
  safe: false,
  opacity: 0.65,
  alone: null, // the class that is shown alone
};

// Beyond six models the colours begin again; their names stand beside them everywhere.
function modelClass(index) {
  return `model-${index % 6}`;
}

function modelName(index) {
  return make("span", { class: modelClass(index) }, make("span", { class: "dot" }), report.models[index].name);
}
