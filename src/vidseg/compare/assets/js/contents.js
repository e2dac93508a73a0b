// What the comparison says, and what the reader has chosen to see of it.

const report = JSON.parse(byId("contents").textContent);
const PROTOCOLS = ["vspw", "exact"];
const settings = { protocol: report.protocol, across: "fps" };

function columnOf(key) {
  return report.columns.find((column) => column.key === key);
}

function cellOf(column, index) {
  return column.cells[settings.protocol][index];
}

function hasFigures(key) {
  const column = columnOf(key);
  return column !== undefined && PROTOCOLS.some((protocol) => column.cells[protocol].some((cell) => cell.value !== null));
}

function figure(column, cell) {
  if (cell.value === null) return DASH;
  return cell.value.toFixed(column.digits) + (cell.spread === null ? "" : ` ± ${cell.spread.toFixed(column.digits)}`);
}

// Beyond six systems the colours begin again; names stand beside the dots.
function modelClass(index) {
  return `model-${index % 6}`;
}

function modelName(index) {
  return make("span", { class: modelClass(index) }, make("span", { class: "dot" }), report.systems[index].name);
}

// The system that is pointed at anywhere is marked everywhere.
function light(index) {
  for (const element of document.querySelectorAll("[data-system]")) {
    element.classList.toggle("lit", index !== null && element.dataset.system === String(index));
  }
}
