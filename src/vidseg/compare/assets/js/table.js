// All figures, in the plan's order until a head is chosen to sort by; the best, and what is as good, in bold.

function makeTable() {
  const order = { column: null, direction: 1 };

  function draw() {
    const rows = report.systems.map((_, index) => index);
    if (order.column !== null) rows.sort(compare);
    const heads = [["name", "method"], ["backbone", "backbone"], ...report.columns.map((column) => [column.key, column.title])];
    const head = make("tr", {}, heads.map(([key, title], index) => make("th", {
      scope: "col",
      class: index < 2 ? "text" : columnOf(key).theirs ? "theirs" : null,
      "aria-sort": order.column !== key ? "none" : order.direction > 0 ? "ascending" : "descending",
    }, make("button", { type: "button", onclick: () => sortBy(key, index) }, title))));
    byId("table").replaceChildren(make("thead", {}, head), make("tbody", {}, rows.map(row)));
  }

  function row(index) {
    const system = report.systems[index];
    const cells = report.columns.map((column) => {
      const cell = cellOf(column, index);
      const kind = [cell.best ? "best" : "", column.theirs ? "theirs" : ""].join(" ").trim();
      if (cell.value === null) return make("td", { class: kind || null }, DASH);
      const spread = cell.spread === null ? null : make("span", { class: "spread" }, ` ± ${cell.spread.toFixed(column.digits)}`);
      return make("td", { class: kind || null }, cell.value.toFixed(column.digits), spread);
    });
    const name = system.report ? make("a", { href: system.report }, modelName(index)) : modelName(index);
    return make("tr", { "data-system": index, onpointerenter: () => light(index), onpointerleave: () => light(null) },
      make("th", { scope: "row" }, name), make("td", { class: "text" }, system.backbone), cells);
  }

  function value(index) {
    if (order.column === "name" || order.column === "backbone") return report.systems[index][order.column];
    return cellOf(columnOf(order.column), index).value;
  }

  function compare(a, b) {
    const [x, y] = [value(a), value(b)];
    if (x === null || y === null) return (x === null) - (y === null);
    return order.direction * (typeof x === "string" ? x.localeCompare(y, "en", { numeric: true }) : x - y);
  }

  // Up, down, and back to the plan's order; of figures the highest come first.
  function sortBy(key, index) {
    const first = index < 2 ? 1 : -1;
    if (order.column !== key) Object.assign(order, { column: key, direction: first });
    else if (order.direction === first) order.direction = -first;
    else order.column = null;
    draw();
    byId("table").querySelectorAll("thead button")[index].focus();
  }

  whenSettingsChange((name) => name === "protocol" && draw());
  draw();
}

function makeLatencies() {
  const timed = report.systems.map((system, index) => ({ latency: system.latency, index })).filter(({ latency }) => latency !== null);
  byId("latencies").hidden = timed.length === 0;
  const names = ["mean", "median", "p95", "worst"];
  const heads = ["", ...names.map((name) => `${name}, ms`), "frames timed", "state of a stream, MB"];
  const rows = timed.map(({ latency, index }) => make("tr", { "data-system": index },
    make("th", { scope: "row" }, modelName(index)),
    names.map((name) => make("td", {}, (1000 * latency[name]).toFixed(1))),
    make("td", {}, String(latency.runs)), make("td", {}, (latency.state_bytes / 1e6).toFixed(2))));
  byId("latency").replaceChildren(
    make("thead", {}, make("tr", {}, heads.map((title) => make("th", { scope: "col" }, title)))), make("tbody", {}, rows));
}

function makeProvenance() {
  const { made } = report;
  const { machine } = made;
  const versions = Object.entries(machine.versions).filter(([, version]) => version).map(([name, version]) => `${name} ${version}`);
  const about = {
    "this page": `vidseg ${made.vidseg}, ${made.date}`,
    ...(made.command ? { command: make("code", {}, made.command) } : {}),
    machine: `${machine.cpu}, ${machine.cores} cores, ${machine.system}, Python ${machine.python}`,
    versions: versions.join(", "),
  };
  const models = report.systems.flatMap((system, index) => system.models.flatMap((model) => [
    make("h3", {}, modelName(index), model.seed === null ? "" : `, seed ${model.seed}`),
    list({
      "sha256 of the weights": make("code", {}, model.weights_sha256),
      ...Object.fromEntries(model.commands.map((command, at) => [at ? "then" : "command", make("code", {}, command)])),
    }),
  ]));
  byId("made").append(list(about), ...models);
}

function list(pairs) {
  return make("dl", {}, Object.entries(pairs).flatMap(([key, value]) => [make("dt", {}, key), make("dd", {}, value)]));
}
