// IoU of every class as bars.

function makeClasses() {
  const several = report.models.length > 1;
  const orders = {
    id: "class id",
    name: "name",
    share: "share of the ground truth",
    ...(several ? { gap: "difference" } : {}),
    ...Object.fromEntries(report.models.map((model, index) => [`iou${index}`, several ? `IoU of ${model.name}` : "IoU"])),
  };
  byId("class-order").append(...Object.entries(orders).map(([value, title]) => make("option", { value }, title)));
  byId("class-order").addEventListener("change", drawClasses);
  whenSettingsChange((name) => ["protocol", "safe"].includes(name) && drawClasses());
  drawClasses();
}

function drawClasses() {
  const { protocol } = settings;
  const tables = report.models.map((model) => model.per_class.map((row) => row[protocol]));
  const pixels = tables[0].map((row) => row.pixels);
  const total = pixels.reduce((sum, value) => sum + value, 0);
  const rows = report.classes.names.map((name, id) => ({
    id, name,
    share: total ? pixels[id] / total : 0,
    ious: tables.map((table) => table[id].IoU),
  }));
  const absent = rows.filter((row) => row.share === 0).length;
  byId("classes-note").textContent = `IoU under protocol ${protocol}, and the class's share of the ground truth.`
    + (absent ? ` ${count(absent, "class", "classes")} without ground truth ${absent === 1 ? "stands" : "stand"} last.` : "");
  rows.sort(classOrder(byId("class-order").value));
  // Classes without ground truth have no IoU, so nothing but their names takes room.
  byId("classes").replaceChildren(...rows.map((row) => make("li", { "data-class": row.id },
    make("div", { class: "name" }, swatch(row.id), make("span", {}, row.name, row.share ? make("small", {}, percent(row.share)) : null)),
    row.share ? make("div", {}, row.ious.map((iou, model) => bar(iou, model))) : null)));
}

function classOrder(order) {
  const value = {
    id: (row) => row.id,
    share: (row) => -row.share,
    gap: (row) => -Math.abs(gap(row.ious) ?? 0),
  }[order] ?? ((row) => row.ious[Number(order.slice(3))] ?? Infinity);
  return (a, b) => {
    if ((a.share === 0) !== (b.share === 0)) return a.share === 0 ? 1 : -1;
    return order === "name" ? a.name.localeCompare(b.name) : value(a) - value(b) || a.id - b.id;
  };
}

function bar(value, model) {
  const inner = make("div", { class: "fill" });
  inner.style.setProperty("--value", value ?? 0);
  return make("div", { class: `bar ${modelClass(model)}` },
    make("div", { class: "track" }, inner),
    make("span", { class: "number" }, make("span", { class: "hidden" }, `${report.models[model].name}: `), score(value)));
}
