// The pictures of the player. All of them are drawn in one go, from one frame number, so they cannot fall out of step.

const LAYERS = { labels: "labels", errors: "errors", flicker: "flicker" };
const LARGER = "M1 1h6v2H4.4l2.3 2.3-1.4 1.4L3 4.4V7H1zM15 15H9v-2h2.6L9.3 10.7l1.4-1.4L13 11.6V9h2z";

function makePanels(container) {
  const rows = report.models.length;
  const columns = rows === 1 ? 3 : 4;
  container.style.setProperty("--columns", columns);
  const panels = [makePanel("Frame", "frame", null, rows > 1 ? [1, 1] : null)];
  panels.push(makePanel("Ground truth", "truth", null, rows > 1 ? [1, 2] : null));
  report.models.forEach((_, model) => {
    Object.keys(LAYERS).forEach((layer, column) => {
      panels.push(makePanel(LAYERS[layer], layer, model, rows > 1 ? [column + 2, model + 1] : null));
    });
  });
  container.append(...panels.map((panel) => panel.figure));
  const scratch = make("canvas");

  function resize(width, height) {
    for (const canvas of [scratch, ...panels.map((panel) => panel.canvas)]) {
      canvas.width = width;
      canvas.height = height;
    }
  }

  function draw(clip, t, bitmap) {
    const { width, height } = clip.about;
    const offset = t * clip.area;
    const picture = new ImageData(width, height);
    const out = new Uint32Array(picture.data.buffer);
    const table = classPixels();
    const pen = scratch.getContext("2d");
    for (const panel of panels) {
      if (panel.figure.hidden) continue;
      const context = panel.canvas.getContext("2d");
      context.globalAlpha = 1;
      context.drawImage(bitmap, 0, 0, width, height);
      panel.canvas.dataset.frame = t;
      if (panel.kind === "frame") continue;
      const labels = panel.model === null ? clip.target : clip.labels[panel.model];
      if (panel.kind === "errors") paintErrors(out, labels, clip.target, offset);
      else if (panel.kind === "flicker") paintFlicker(out, labels, clip.target, offset, clip.flicker[panel.model]);
      else paintLabels(out, labels, offset, table);
      if (panel.kind === "errors" || panel.kind === "flicker") dim(context, width, height, panel.kind);
      pen.putImageData(picture, 0, 0);
      context.globalAlpha = settings.opacity;
      context.drawImage(scratch, 0, 0);
    }
  }

  function toggle(layer, shown) {
    for (const panel of panels) if (panel.kind === layer) panel.figure.hidden = !shown;
  }

  return { panels, resize, draw, toggle };
}

// Without its colours the frame leaves them to what they mean here.
function dim(context, width, height, kind) {
  context.globalCompositeOperation = "saturation";
  context.fillStyle = "#808080";
  context.fillRect(0, 0, width, height);
  context.globalCompositeOperation = "source-over";
  context.fillStyle = kind === "flicker" ? "rgb(0 0 0 / 0.6)" : "rgb(255 255 255 / 0.25)";
  context.fillRect(0, 0, width, height);
}

function makePanel(title, kind, model, place) {
  const who = model === null ? title : `${report.models[model].name}: ${title}`;
  const canvas = make("canvas", { role: "img", "aria-label": who, class: kind === "frame" ? "smooth" : null });
  const cross = make("span", { class: "cross", hidden: true });
  const stage = make(
    "div",
    { class: "stage", tabindex: "0", role: "group", "aria-label": `${who}. Enter: point at pixels with the arrow keys` },
    canvas, cross,
  );
  const enlarge = make("button", { type: "button", "aria-pressed": "false", "aria-label": `Enlarge ${who}`, title: "Enlarge" }, icon(LARGER));
  const name = model === null ? make("span", {}, title) : make("span", { title: who }, `${title} · `, modelName(model));
  const figure = make("figure", { class: "panel" }, make("figcaption", {}, name, enlarge), stage);
  enlarge.addEventListener("click", () => enlarge.setAttribute("aria-pressed", figure.classList.toggle("large")));
  if (place) {
    figure.style.gridColumn = place[0];
    figure.style.gridRow = place[1];
  }
  return { figure, canvas, stage, cross, kind, model };
}
