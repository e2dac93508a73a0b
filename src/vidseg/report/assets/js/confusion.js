// The confusion matrix as a picture with a reading of the cell under the pointer, and its largest errors as a table.

const RIGHT_TAKEN = [30, 110, 210];
const WRONG_TAKEN = [214, 40, 48];
// Up to this many classes rows and columns are named, and cells have room for their percentage.
const MOST_NAMED = 20;
const MOST_LISTED = 14;

function makeConfusion() {
  const canvas = byId("matrix");
  const classes = report.classes.names.length;
  let layout = null;
  let cell = [0, 0];

  byId("confusion-model").append(...report.models.map((model, index) => make("option", { value: index }, model.name)));
  byId("confusion-choice").hidden = report.models.length === 1;
  byId("confusion-model").addEventListener("change", draw);
  whenSettingsChange((name) => ["protocol", "theme"].includes(name) && draw());
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", draw);

  function draw() {
    const model = report.models[Number(byId("confusion-model").value)];
    const shares = new Float64Array(classes * classes);
    const totals = new Float64Array(classes);
    for (const [row, , pixels] of model.confusion[settings.protocol]) totals[row] += pixels;
    for (const [row, column, pixels] of model.confusion[settings.protocol]) shares[row * classes + column] = pixels / totals[row];
    layout = { shares, totals, ...sizes(canvas, classes) };
    paintMatrix(canvas, layout, classes);
    canvas.setAttribute("aria-label", `Confusion matrix of ${model.name}. Arrow keys read its cells.`);
    listConfusions(model);
    byId("cell").textContent = "Point at a cell, or focus the picture and use the arrow keys.";
  }

  function read() {
    const [row, column] = cell;
    const share = layout.shares[row * classes + column];
    byId("cell").textContent = layout.totals[row]
      ? `${percent(share)} of ${className(row)} ${row === column ? "is right" : `is taken for ${className(column)}`}`
      : `${className(row)} is not in the ground truth`;
    canvas.dataset.cell = `${row},${column}`;
  }

  const inside = (value) => Math.max(0, Math.min(classes - 1, value));
  canvas.addEventListener("pointermove", (event) => {
    const box = canvas.getBoundingClientRect();
    const place = (value) => inside(Math.floor((value - layout.side) / layout.cell));
    cell = [place(event.clientY - box.top), place(event.clientX - box.left)];
    read();
  });
  canvas.addEventListener("keydown", (event) => {
    const step = { ArrowUp: [-1, 0], ArrowDown: [1, 0], ArrowLeft: [0, -1], ArrowRight: [0, 1] }[event.key];
    if (!step) return;
    event.preventDefault();
    cell = cell.map((value, axis) => inside(value + step[axis]));
    read();
  });
  draw();
}

function sizes(canvas, classes) {
  const named = classes <= MOST_NAMED;
  const pen = canvas.getContext("2d");
  pen.font = "13px system-ui, sans-serif";
  const longest = Math.max(...report.classes.names.map((name) => pen.measureText(name).width));
  const side = named ? Math.min(150, Math.ceil(longest) + 10) : 0;
  const room = Math.max(240, Math.min(720, byId("matrix-frame").clientWidth)) - side;
  return { named, side, cell: Math.max(named ? 22 : 3, Math.min(56, Math.floor(room / classes))) };
}

function paintMatrix(canvas, { shares, totals, named, side, cell }, classes) {
  const size = side + classes * cell;
  const sharpness = devicePixelRatio || 1;
  canvas.width = canvas.height = Math.round(size * sharpness);
  canvas.style.width = canvas.style.height = `${size}px`;
  const pen = canvas.getContext("2d");
  pen.scale(sharpness, sharpness);
  const style = getComputedStyle(document.body);
  const ink = style.color;
  pen.textBaseline = "middle";
  for (let row = 0; row < classes; row++) {
    for (let column = 0; column < classes; column++) {
      const share = shares[row * classes + column];
      const colour = row === column ? RIGHT_TAKEN : WRONG_TAKEN;
      pen.fillStyle = totals[row] ? `rgb(${colour.join(" ")} / ${Math.sqrt(share)})` : "rgb(128 128 128 / 0.15)";
      pen.fillRect(side + column * cell, side + row * cell, cell, cell);
      if (!named) continue;
      pen.strokeStyle = "rgb(128 128 128 / 0.25)";
      pen.lineWidth = 1;
      pen.strokeRect(side + column * cell + 0.5, side + row * cell + 0.5, cell - 1, cell - 1);
      if (share >= 0.005) {
        pen.font = `${cell < 30 ? 10 : 12}px system-ui, sans-serif`;
        pen.fillStyle = share > 0.3 ? "#fff" : ink;
        pen.textAlign = "center";
        pen.fillText(String(Math.round(100 * share)), side + (column + 0.5) * cell, side + (row + 0.5) * cell);
      }
    }
  }
  if (named) nameRows(pen, side, cell, ink);
  else {
    pen.strokeStyle = "rgb(128 128 128 / 0.5)";
    pen.strokeRect(0.5, 0.5, size - 1, size - 1);
  }
}

function nameRows(pen, side, cell, ink) {
  pen.font = "13px system-ui, sans-serif";
  pen.fillStyle = ink;
  report.classes.names.forEach((name, id) => {
    const text = shortened(pen, name, side - 8);
    pen.textAlign = "right";
    pen.fillText(text, side - 6, side + (id + 0.5) * cell);
    pen.save();
    pen.translate(side + (id + 0.5) * cell, side - 6);
    pen.rotate(-Math.PI / 2);
    pen.textAlign = "left";
    pen.fillText(text, 0, 0);
    pen.restore();
  });
}

function shortened(pen, text, width) {
  if (pen.measureText(text).width <= width) return text;
  let length = text.length;
  while (length > 1 && pen.measureText(`${text.slice(0, length)}…`).width > width) length--;
  return `${text.slice(0, length)}…`;
}

function listConfusions(model) {
  const cells = model.confusion[settings.protocol];
  const total = cells.reduce((sum, [, , pixels]) => sum + pixels, 0);
  const wrong = cells.filter(([row, column]) => row !== column).sort((a, b) => b[2] - a[2]).slice(0, MOST_LISTED);
  const head = ["true class", "taken for", "share of all pixels"].map((text, index) => make("th", { scope: "col", class: index < 2 ? "text" : null }, text));
  const rows = wrong.map(([row, column, pixels]) => make("tr", {},
    make("td", { class: "text" }, className(row)), make("td", { class: "text" }, className(column)), make("td", {}, percent(pixels / total))));
  const none = make("tr", {}, make("td", { colspan: 3, class: "text" }, "No pixel was taken for another class."));
  byId("confusions").replaceChildren(make("thead", {}, make("tr", {}, head)), make("tbody", {}, rows.length ? rows : none));
}
