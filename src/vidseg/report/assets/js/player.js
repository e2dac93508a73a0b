// The player: which clip and which frame, and everything that follows from that.

const ICONS = {
  play: "M3 1.5v13l11-6.5z",
  pause: "M3 1.5h4v13H3zM9 1.5h4v13H9z",
  back: "M2 1.5h2.5v13H2zM14 1.5v13L5 8z",
  forward: "M11.5 1.5H14v13h-2.5zM2 1.5v13L11 8z",
};
// Of videos whose frame rate is not known.
const USUAL_RATE = 10;

function makePlayer() {
  const state = { index: -1, clip: null, t: 0, playing: false, speed: 1 };
  const pictures = makePanels(byId("panels"));
  const probe = makeProbe(pictures.panels, () => state);
  const timeline = makeTimeline(byId("timeline"), (t) => { pause(); go(t); });
  const legend = makeLegend(byId("legend"));
  const button = (name, label, act, kind) => {
    const element = make("button", { type: "button", "aria-label": label, title: label, class: kind, onclick: act }, icon(ICONS[name]));
    byId("buttons").append(element);
    return element;
  };
  button("back", "One frame back", () => step(-1));
  const playButton = button("play", "Play", () => (state.playing ? pause() : play()), "play");
  button("forward", "One frame forward", () => step(1));

  let wanted = null; // the frame to be drawn next; drawing waits for its picture
  async function go(t) {
    if (!state.clip) return;
    const { clip } = state;
    wanted = Math.max(0, Math.min(clip.length - 1, t));
    const target = wanted;
    const bitmap = await clip.image(target);
    if (wanted !== target || state.clip !== clip) return;
    state.t = target;
    redraw(bitmap);
    for (let ahead = 1; ahead <= 8 && target + ahead < clip.length; ahead++) clip.image(target + ahead);
  }

  function redraw(bitmap) {
    pictures.draw(state.clip, state.t, bitmap);
    byId("scrub").value = state.t;
    const { about, length } = state.clip;
    const time = about.rate ? ` · ${((about.start + state.t) / about.rate).toFixed(2)} s` : "";
    byId("position").textContent = `${state.t + 1} of ${length} · ${about.frames[state.t]}${time}`;
    byId("scrub").setAttribute("aria-valuetext", `frame ${state.t + 1} of ${length}`);
    timeline.move(state.t);
    probe.refresh();
    byId("player").dataset.frame = state.t;
  }

  function step(frames) {
    pause();
    go((wanted ?? state.t) + frames);
  }

  let began = null; // [time, frame] from which playing counts
  function play() {
    state.playing = true;
    began = null;
    showPlaying();
    requestAnimationFrame(tick);
  }

  function pause() {
    state.playing = false;
    showPlaying();
  }

  function showPlaying() {
    const label = state.playing ? "Pause" : "Play";
    playButton.replaceChildren(icon(ICONS[state.playing ? "pause" : "play"]));
    playButton.setAttribute("aria-label", label);
    playButton.title = label;
  }

  function tick(now) {
    if (!state.playing || !state.clip) return;
    began ??= [now, state.t];
    const rate = (state.clip.about.rate ?? USUAL_RATE) * state.speed;
    const t = (began[1] + Math.floor(((now - began[0]) / 1000) * rate)) % state.clip.length;
    if (t !== wanted) go(t);
    requestAnimationFrame(tick);
  }

  async function open(index, t = 0) {
    if (index < 0 || index >= report.samples.clips.length) return;
    pause();
    if (index !== state.index) {
      state.index = index;
      byId("clip").value = index;
      const clip = await openClip(index);
      if (state.index !== index) return clip.close();
      state.clip?.close();
      state.clip = clip;
      probe.hide();
      showClip(clip);
    }
    await go(t);
  }

  function showClip(clip) {
    const { about } = clip;
    pictures.resize(about.width, about.height);
    byId("scrub").max = clip.length - 1;
    timeline.show(about);
    legend.show(clip);
    const part = clip.length < about.total
      ? `Frames ${about.start + 1}–${about.start + clip.length} of ${about.total}, where scores are lowest. ` : "";
    byId("clip-note").textContent = `${part}${report.samples.why}${about.rate ? "" : ` Frame rate unknown: played at ${USUAL_RATE} frames/s.`}`;
    byId("moments").replaceChildren(...(about.moments.length ? [make("span", { class: "muted" }, "Worst moments")] : []),
      ...about.moments.map((moment) => make("button", { type: "button", onclick: () => { pause(); go(moment.frame); } },
        make("b", {}, String(moment.frame + 1)), ` ${moment.text}`)));
  }

  function nextMoment(direction) {
    const frames = state.clip.about.moments.map((moment) => moment.frame);
    const found = direction > 0 ? frames.find((frame) => frame > state.t) : frames.findLast((frame) => frame < state.t);
    if (found !== undefined) { pause(); go(found); }
  }

  byId("clip").append(...report.samples.clips.map((clip, index) => make("option", { value: index }, clip.name)));
  byId("clip").addEventListener("change", (event) => open(Number(event.target.value)));
  byId("scrub").addEventListener("input", (event) => { pause(); go(Number(event.target.value)); });
  byId("speed").addEventListener("change", (event) => { state.speed = Number(event.target.value); began = null; });
  byId("opacity").addEventListener("input", (event) => change("opacity", event.target.value / 100));
  for (const layer of Object.keys(LAYERS)) {
    const box = make("input", { type: "checkbox", checked: true, onchange: (event) => { pictures.toggle(layer, event.target.checked); go(wanted ?? state.t); } });
    byId("toggles").append(make("label", {}, box, LAYERS[layer]));
  }
  whenSettingsChange((name) => ["safe", "opacity", "alone"].includes(name) && go(wanted ?? state.t));
  return { state, go, step, play, pause, open, nextMoment };
}
