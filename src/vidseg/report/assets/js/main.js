// Puts the page together. What fails is said on the page: nobody looks into the console of a report.

function complain(error) {
  byId("trouble").hidden = false;
  byId("trouble").textContent = `This report cannot be shown in full: ${error?.message ?? error}. A current browser may do better.`;
}
addEventListener("error", (event) => complain(event.error ?? event.message));
addEventListener("unhandledrejection", (event) => complain(event.reason));

const { data } = report;
byId("title").textContent = report.title;
byId("facts").textContent = `Split ${data.split} · ${count(data.videos, "video")} · ${count(data.frames, "frame")} · ${
  data.labelled_frames.toLocaleString("en")} with ground truth · ${count(report.classes.names.length, "class", "classes")}`;
byId("theme").addEventListener("change", (event) => {
  document.documentElement.dataset.theme = event.target.value;
  change("theme", event.target.value);
});
byId("palette").addEventListener("change", (event) => change("safe", event.target.value === "safe"));

makeScores();
const player = makePlayer();
listenToKeys(player);
makeClasses();
makeVideos(player);
makeConfusion();
makeProvenance();
await player.open(0, report.samples.clips[0].moments[0]?.frame ?? 0);
document.documentElement.dataset.ready = "true";
