// Puts the page together. What fails is said on the page: nobody looks into the console of a page like this.

function complain(error) {
  byId("trouble").hidden = false;
  byId("trouble").textContent = `This page cannot be shown in full: ${error?.message ?? error}. A current browser may do better.`;
}
addEventListener("error", (event) => complain(event.error ?? event.message));

const { data } = report;
byId("title").textContent = report.title;
byId("facts").textContent = `Split ${data.split} · ${count(data.videos, "video")} · ${count(data.frames, "frame")} · ${
  data.labelled_frames.toLocaleString("en")} with ground truth · ${count(data.classes, "class", "classes")}`;
byId("theme").addEventListener("change", (event) => {
  document.documentElement.dataset.theme = event.target.value;
});
byId("protocols").append(...PROTOCOLS.map((name) => make("label", {},
  make("input", { type: "radio", name: "protocol", value: name, checked: name === settings.protocol, onchange: () => change("protocol", name) }),
  name)));
const across = byId("across");
across.append(...["fps", "multiply_adds", "parameters"].filter(hasFigures).map((key) => make("option", { value: key }, columnOf(key).title)));
if (across.value) settings.across = across.value;
across.addEventListener("change", () => change("across", across.value));

makePlot("accuracy-plot", "accuracy", ["mIoU", "wIoU"]);
makePlot("consistency-plot", "consistency", ["mVC16", "mVC8", "mTC"]);
makeTable();
makeLatencies();
byId("notes").append(...report.notes.map((note) => make("li", {}, note)));
makeProvenance();
document.documentElement.dataset.ready = "true";
