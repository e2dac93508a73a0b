// Scores of every frame below the player; a click or a drag goes there.

function makeTimeline(container, go) {
  const lanes = [
    { key: "iou", title: "mIoU of the frame" },
    { key: "consistency", title: "Consistency with the frame before (VC2)" },
    ...(report.flows.length ? [{ key: "temporal", title: `Visible pixels whose label moved along (TC, flow ${report.flows.join(", ")})` }] : []),
  ].map(makeLane);
  const cursors = lanes.map((lane) => lane.cursor);
  container.append(...lanes.flatMap((lane) => [lane.head, lane.box]));
  let about = null;

  const place = (t) => (about.frames.length > 1 ? t / (about.frames.length - 1) : 0.5);

  function show(clip) {
    about = clip;
    lanes.forEach((lane) => drawLane(lane, clip, place));
  }

  function move(t) {
    for (const cursor of cursors) cursor.style.left = `${100 * place(t)}%`;
    for (const lane of lanes) {
      lane.values.replaceChildren(...about[lane.key].map((series, model) =>
        make("span", { class: modelClass(model) }, make("span", { class: "dot" }), score(series[t]))));
    }
  }

  function jump(event) {
    const box = lanes[0].box.getBoundingClientRect();
    const share = Math.max(0, Math.min(1, (event.clientX - box.left) / box.width));
    go(Math.round(share * (about.frames.length - 1)));
  }
  for (const { box } of lanes) {
    box.addEventListener("pointerdown", (event) => {
      if (!about) return;
      box.setPointerCapture(event.pointerId);
      jump(event);
    });
    box.addEventListener("pointermove", (event) => box.hasPointerCapture(event.pointerId) && jump(event));
  }
  return { show, move };
}

function makeLane({ key, title }) {
  const values = make("span", { class: "values" });
  const head = make("div", { class: "lane-head" }, make("span", {}, title), values);
  const cursor = make("span", { class: "cursor" });
  const box = make("div", { class: "lane", role: "img" });
  return { key, title, head, values, cursor, box };
}

function drawLane(lane, about, place) {
  const all = about[lane.key].flat().filter((value) => value !== null);
  // To the next twentieth, and never so near that noise looks like a cliff.
  const low = Math.floor(20 * Math.min(0.9, ...all)) / 20;
  const high = Math.max(low + 0.1, Math.ceil(20 * Math.max(0, ...all)) / 20);
  const lines = about[lane.key].flatMap((series, model) => runs(series).map((run) => makeSvg("polyline", {
    class: modelClass(model),
    points: run.map(([t, value]) => `${place(t)},${(high - value) / (high - low)}`).join(" "),
  })));
  const marks = about.moments.map((moment) => {
    const mark = make("span", { class: "mark" });
    mark.style.left = `${100 * place(moment.frame)}%`;
    return mark;
  });
  const range = all.length ? `from ${score(Math.min(...all), 2)} to ${score(Math.max(...all), 2)}` : "without values";
  lane.box.setAttribute("aria-label", `${lane.title}, ${range}`);
  lane.box.replaceChildren(
    makeSvg("svg", { viewBox: "0 0 1 1", preserveAspectRatio: "none", "aria-hidden": "true" }, lines),
    make("span", { class: "bound high" }, high.toFixed(2)),
    make("span", { class: "bound low" }, low.toFixed(2)),
    ...marks,
    lane.cursor,
  );
}

// Unbroken stretches of values as [frame, value]; a single value becomes a short dash.
function runs(series) {
  const found = [];
  let run = [];
  series.forEach((value, t) => {
    if (value !== null) run.push([t, value]);
    if (run.length && (value === null || t === series.length - 1)) {
      found.push(run.length > 1 ? run : [[run[0][0] - 0.3, run[0][1]], [run[0][0] + 0.3, run[0][1]]]);
      run = [];
    }
  });
  return found;
}
