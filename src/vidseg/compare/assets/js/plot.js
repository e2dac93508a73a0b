// One figure against another: a dot a system, its name beside it, all of its figures where it is pointed at.

const WIDTH = 560;
const HEIGHT = 380;
const MARGIN = { left: 52, right: 16, top: 14, bottom: 44 };

function makePlot(place, chooser, keys) {
  const known = keys.filter(hasFigures);
  const select = byId(chooser);
  select.append(...known.map((key) => make("option", { value: key }, columnOf(key).title)));
  select.addEventListener("change", draw);
  whenSettingsChange(draw);
  draw();

  function draw() {
    const [x, y] = [columnOf(settings.across), columnOf(select.value)];
    const points = x && y ? report.systems.map((system, index) => ({
      index, system, x: cellOf(x, index), y: cellOf(y, index),
    })).filter((point) => point.x.value !== null && point.y.value !== null) : [];
    byId(place).replaceChildren(points.length ? picture(points, x, y) : make("p", { class: "muted" }, "No system has both figures yet."));
  }
}

function picture(points, x, y) {
  const low = (point) => point.y.value - (point.y.spread ?? 0);
  const high = (point) => point.y.value + (point.y.spread ?? 0);
  const xs = ticks(Math.min(...points.map((p) => p.x.value)), Math.max(...points.map((p) => p.x.value)));
  const ys = ticks(Math.min(...points.map(low)), Math.max(...points.map(high)));
  const place = {
    x: scale(xs, MARGIN.left, WIDTH - MARGIN.right),
    y: scale(ys, HEIGHT - MARGIN.bottom, MARGIN.top),
  };
  const svg = makeSvg("svg", {
    viewBox: `0 0 ${WIDTH} ${HEIGHT}`, role: "group", "aria-label": `${y.title} against ${x.title}`,
  });
  const middle = (HEIGHT - MARGIN.bottom + MARGIN.top) / 2;
  svg.append(
    ...xs.map((value) => makeSvg("line", { class: "grid", x1: place.x(value), x2: place.x(value), y1: MARGIN.top, y2: HEIGHT - MARGIN.bottom })),
    ...xs.map((value) => text(place.x(value), HEIGHT - MARGIN.bottom + 18, String(value), "middle")),
    ...ys.map((value) => makeSvg("line", { class: "grid", x1: MARGIN.left, x2: WIDTH - MARGIN.right, y1: place.y(value), y2: place.y(value) })),
    ...ys.map((value) => text(MARGIN.left - 8, place.y(value) + 4, String(value), "end")),
    text((MARGIN.left + WIDTH - MARGIN.right) / 2, HEIGHT - 8, x.title, "middle"),
    makeSvg("text", { transform: `translate(13 ${middle}) rotate(-90)`, "text-anchor": "middle" }, y.title),
  );
  const dots = points.map((point) => ({ ...point, at: [place.x(point.x.value), place.y(point.y.value)] }));
  svg.append(...dots.filter((dot) => dot.y.spread !== null).map((dot) => makeSvg("line", {
    class: `spread ${modelClass(dot.index)}`, x1: dot.at[0], x2: dot.at[0], y1: place.y(low(dot)), y2: place.y(high(dot)),
  })));
  svg.append(...names(dots), ...dots.map(dotOf));
  return svg;
}

function dotOf({ index, system, at }) {
  const circle = makeSvg("circle", { cx: at[0], cy: at[1], r: 6 });
  const known = report.columns.filter((column) => !column.theirs && cellOf(column, index).value !== null);
  const said = known.map((column) => `${column.title} ${figure(column, cellOf(column, index))}`);
  const point = makeSvg(system.report ? "a" : "g", {
    class: `point ${modelClass(index)}`, tabindex: 0, role: system.report ? "link" : "img", href: system.report,
    "data-system": index, "aria-label": `${system.name}: ${said.join(", ")}`,
    onpointerenter: () => tell(index, circle), onpointerleave: hush, onfocus: () => tell(index, circle), onblur: hush,
    onkeydown: (event) => event.key === "Escape" && hush(),
  }, circle);
  return point;
}

function tell(index, circle) {
  const tip = byId("tip");
  const known = report.columns.filter((column) => cellOf(column, index).value !== null);
  const rows = known.map((column) => make("tr", {},
    make("td", { class: "muted" }, column.title), make("td", {}, figure(column, cellOf(column, index)))));
  tip.replaceChildren(modelName(index), make("table", {}, make("tbody", {}, rows)));
  tip.hidden = false;
  const box = circle.getBoundingClientRect();
  const left = box.right + 10 + tip.offsetWidth < innerWidth ? box.right + 10 : box.left - 10 - tip.offsetWidth;
  tip.style.left = `${Math.max(4, left)}px`;
  tip.style.top = `${Math.max(4, Math.min(box.top, innerHeight - tip.offsetHeight - 4))}px`;
  light(index);
}

function hush() {
  byId("tip").hidden = true;
  light(null);
}

// Each name goes where it hides neither a dot nor another name; one that finds no such place is left out.
function names(dots) {
  const taken = dots.map(({ at: [x, y] }) => [x - 7, y - 7, x + 7, y + 7]);
  return dots.flatMap(({ system, at: [x, y] }) => {
    const width = 6.6 * system.name.length;
    const places = [
      [x + 10, y + 4, "start", x + 10], [x - 10, y + 4, "end", x - 10 - width],
      [x, y - 11, "middle", x - width / 2], [x, y + 20, "middle", x - width / 2],
    ];
    for (const [tx, ty, anchor, left] of places) {
      const box = [left, ty - 11, left + width, ty + 3];
      const inside = box[0] > MARGIN.left && box[2] < WIDTH && box[1] > 0 && box[3] < HEIGHT - MARGIN.bottom;
      if (inside && !taken.some((other) => box[0] < other[2] && box[2] > other[0] && box[1] < other[3] && box[3] > other[1])) {
        taken.push(box);
        return [text(tx, ty, system.name, anchor, "name")];
      }
    }
    return [];
  });
}

function text(x, y, content, anchor, kind) {
  return makeSvg("text", { x, y, "text-anchor": anchor, class: kind }, content);
}

function scale(values, start, end) {
  const [low, high] = [values[0], values[values.length - 1]];
  return (value) => start + ((end - start) * (value - low)) / (high - low);
}

// Round numbers from below the lowest to above the highest, about five of them.
function ticks(low, high) {
  const rough = Math.max(high - low, 1e-9 + Math.abs(high) / 50) / 4;
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = [1, 2, 5, 10].map((factor) => factor * power).find((size) => size >= rough);
  const [first, last] = [Math.floor(low / step), Math.max(Math.ceil(high / step), Math.floor(low / step) + 1)];
  return Array.from({ length: last - first + 1 }, (_, index) => Number(((first + index) * step).toPrecision(10)));
}
