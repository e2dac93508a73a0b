// Head figures and the table of all scores, under the protocol that is chosen.

function makeScores() {
  const names = Object.keys(report.models[0].protocols);
  byId("protocols").append(...names.map((name) => make("label", {},
    make("input", { type: "radio", name: "protocol", value: name, checked: name === settings.protocol, onchange: () => change("protocol", name) }),
    name)));
  whenSettingsChange((name) => name === "protocol" && drawScores());
  drawScores();
}

function drawScores() {
  const { protocol } = settings;
  const scores = report.models.map((model) => model.protocols[protocol]);
  const counted = `${count(scores[0].videos, "video")} and ${count(scores[0].frames, "frame")} count.`;
  byId("protocol-note").textContent = `Protocol ${protocol}. ${PROTOCOL_NOTES[protocol] ?? ""} ${counted}`;
  const [n] = report.windows;
  const heads = [["mIoU", "mIoU"], ...(n === undefined ? [] : [[`mVC${n}`, `mVC${n}`]]), ["pixel_accuracy", "pixel accuracy"]];
  byId("cards").replaceChildren(...report.models.map((model, index) => make("article", { class: `card ${modelClass(index)}` },
    make("h3", {}, model.name),
    make("dl", { class: "figures" }, heads.map(([key, title]) => make("div", {},
      make("dt", {}, `${title}, ${protocol}`), make("dd", {}, score(scores[index][key]))))))));
  const pair = report.models.length === 2;
  const head = make("tr", {}, make("th", { scope: "col" }, `protocol ${protocol}`),
    report.models.map((_, index) => make("th", { scope: "col" }, modelName(index))),
    pair ? make("th", { scope: "col" }, "difference") : null);
  const rows = SCORES.map(([key, title]) => {
    const values = scores.map((one) => one[key] ?? null);
    const best = Math.max(...values.filter((value) => value !== null));
    return make("tr", {}, make("th", { scope: "row" }, title),
      values.map((value) => make("td", { class: values.length > 1 && value === best ? "best" : null }, score(value))),
      pair ? make("td", {}, difference(gap(values))) : null);
  });
  byId("scores").replaceChildren(make("thead", {}, head), make("tbody", {}, rows));
}

// Of two models the second minus the first, of more the widest distance; null where not all have a value.
function gap(values) {
  if (values.includes(null)) return null;
  return values.length === 2 ? values[1] - values[0] : Math.max(...values) - Math.min(...values);
}
