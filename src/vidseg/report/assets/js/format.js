// Numbers as text.

const DASH = "–";

function score(value, digits = 3) {
  return value === null || value === undefined ? DASH : value.toFixed(digits);
}

function difference(value) {
  if (value === null || value === undefined) return DASH;
  const text = Math.abs(value).toFixed(3);
  return Number(text) === 0 ? text : (value > 0 ? "+" : "−") + text;
}

function percent(share) {
  if (share === 0) return "0 %";
  if (share < 0.0001) return "<0.01 %";
  return `${(100 * share).toFixed(share < 0.01 ? 2 : 1)} %`;
}

function count(number, one, many = `${one}s`) {
  return `${number.toLocaleString("en")} ${number === 1 ? one : many}`;
}
