// Every video's scores; of several models sorted by their difference at first.

function makeVideos(player) {
  const several = report.models.length > 1;
  const shown = new Map(report.samples.clips.map((clip, index) => [clip.name, index]));
  const order = several ? { column: 2 + report.models.length, direction: -1 } : { column: 2, direction: 1 };

  function columns() {
    const { protocol } = settings;
    const [n] = report.windows;
    const each = (title, value) => report.models.map((_, index) => ({
      title: several ? [modelName(index), make("span", { class: "under" }, title)] : title,
      value: (video) => value(video.models[index]),
    }));
    return [
      { title: "video", value: (video) => video.name },
      { title: "frames", value: (video) => video.frames, show: String },
      ...each("mIoU", (scores) => scores.mIoU),
      ...(several ? [{
        title: "difference",
        value: (video) => gap(video.models.map((scores) => scores.mIoU)),
        show: report.models.length === 2 ? difference : score,
        rank: Math.abs, // what differs most comes first, whichever way
      }] : []),
      ...(n === undefined ? [] : each(`VC${n} (${protocol})`, (scores) => scores[protocol]?.[`VC${n}`] ?? null)),
      ...(report.flows.length ? each(`TC (${protocol})`, (scores) => scores[protocol]?.TC ?? null) : []),
    ];
  }

  function compare(column) {
    const rank = (value) => (column.rank && value !== null ? column.rank(value) : value);
    return (a, b) => {
      const [x, y] = [rank(column.value(a)), rank(column.value(b))];
      if (x === null || y === null) return (x === null) - (y === null);
      return order.direction * (typeof x === "string" ? x.localeCompare(y, "en", { numeric: true }) : x - y);
    };
  }

  function draw() {
    const all = columns();
    const rows = [...report.videos].sort(compare(all[order.column]));
    const head = make("tr", {}, all.map((column, index) => make("th", {
      scope: "col",
      "aria-sort": index !== order.column ? "none" : order.direction > 0 ? "ascending" : "descending",
    }, make("button", { type: "button", onclick: () => sortBy(index) }, column.title))));
    const body = rows.map((video) => make("tr", {}, all.map((column, index) =>
      index === 0 ? make("th", { scope: "row" }, name(video)) : make("td", {}, (column.show ?? score)(column.value(video))))));
    byId("videos").replaceChildren(make("thead", {}, head), make("tbody", {}, body));
  }

  function name(video) {
    if (!shown.has(video.name)) return video.name;
    const open = () => {
      player.open(shown.get(video.name));
      byId("player").scrollIntoView({ behavior: "smooth" });
      byId("player").focus({ preventScroll: true });
    };
    return make("button", { type: "button", title: "Show in the player", onclick: open }, `▸ ${video.name}`);
  }

  function sortBy(index) {
    order.direction = index === order.column ? -order.direction : index < 2 ? 1 : -1;
    order.column = index;
    draw();
    byId("videos").querySelectorAll("thead button")[index].focus();
  }

  whenSettingsChange((setting) => setting === "protocol" && draw());
  draw();
}
