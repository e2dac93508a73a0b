// What every layer says of the pixel that the pointer, or the keyboard, is at.

function makeProbe(panels, current) {
  const tip = byId("tip");
  let at = null; // {x, y, stage}: pixel of the clip
  let byKeyboard = false;

  function describe() {
    const { clip, t } = current();
    const p = at.y * clip.about.width + at.x;
    const truth = clip.target[t * clip.area + p];
    const rows = [{ id: truth, who: "ground truth", mark: "" }];
    clip.labels.forEach((labels, model) => {
      const id = labels[t * clip.area + p];
      const { changes, chances } = clip.flicker[model];
      const mark = truth === report.classes.none ? "" : id === truth ? "✓" : "✗";
      rows.push({ id, who: report.models[model].name, mark, model, flicker: `${changes[p]} of ${chances[p]}` });
    });
    return rows;
  }

  function show() {
    if (!at || !current().clip) return;
    const { clip } = current();
    const rows = describe();
    for (const panel of panels) {
      panel.cross.hidden = false;
      panel.cross.style.left = `${(100 * (at.x + 0.5)) / clip.about.width}%`;
      panel.cross.style.top = `${(100 * (at.y + 0.5)) / clip.about.height}%`;
    }
    const lines = rows.map((row) => make(
      "tr", {},
      make("td", {}, swatch(row.id)),
      make("td", {}, row.model === undefined ? row.who : modelName(row.model)),
      make("td", {}, className(row.id), " ", make("b", { class: row.mark === "✗" ? "no" : "yes" }, row.mark)),
      make("td", { class: "muted" }, row.flicker ? `changed ${row.flicker}` : ""),
    ));
    tip.replaceChildren(make("table", {}, make("tbody", {}, lines)));
    tip.hidden = false;
    placeTip(clip);
    if (byKeyboard) {
      const said = rows.map((row) => `${row.who}: ${className(row.id)}`).join("; ");
      byId("spoken").textContent = `x ${at.x}, y ${at.y}. ${said}`;
    }
  }

  function placeTip(clip) {
    const box = at.stage.getBoundingClientRect();
    const x = box.left + ((at.x + 0.5) / clip.about.width) * box.width;
    const y = box.top + ((at.y + 0.5) / clip.about.height) * box.height;
    const left = x + 16 + tip.offsetWidth < innerWidth ? x + 16 : x - 16 - tip.offsetWidth;
    tip.style.left = `${Math.max(4, left)}px`;
    tip.style.top = `${Math.max(4, Math.min(y + 16, innerHeight - tip.offsetHeight - 4))}px`;
  }

  function hide() {
    at = null;
    byKeyboard = false;
    tip.hidden = true;
    for (const panel of panels) panel.cross.hidden = true;
  }

  function point(event) {
    const { clip } = current();
    if (!clip) return;
    const box = event.currentTarget.getBoundingClientRect();
    const { width, height } = clip.about;
    const inside = (value, size) => Math.max(0, Math.min(size - 1, Math.floor(value * size)));
    at = {
      x: inside((event.clientX - box.left) / box.width, width),
      y: inside((event.clientY - box.top) / box.height, height),
      stage: event.currentTarget,
    };
    byKeyboard = false;
    show();
  }

  function press(event) {
    const { clip } = current();
    if (!clip) return;
    const { width, height } = clip.about;
    const steps = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };
    if (event.key === "Enter") {
      at = { x: width >> 1, y: height >> 1, stage: event.currentTarget };
      byKeyboard = true;
    } else if (event.key === "Escape" && at) {
      hide();
      return;
    } else if (byKeyboard && steps[event.key]) {
      const [dx, dy] = steps[event.key].map((step) => step * (event.shiftKey ? 10 : 1));
      at.x = Math.max(0, Math.min(width - 1, at.x + dx));
      at.y = Math.max(0, Math.min(height - 1, at.y + dy));
    } else {
      return;
    }
    event.preventDefault();
    event.stopPropagation(); // else the arrow keys would step the video
    show();
  }

  for (const { stage } of panels) {
    stage.addEventListener("pointermove", point);
    stage.addEventListener("pointerdown", point);
    stage.addEventListener("pointerleave", (event) => event.pointerType === "mouse" && hide());
    stage.addEventListener("keydown", press);
    stage.addEventListener("blur", hide);
  }
  return { refresh: show, hide };
}
