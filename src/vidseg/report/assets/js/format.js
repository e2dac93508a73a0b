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
  return share < 0.001 ? "<0.1 %" : `${(100 * share).toFixed(1)} %`;
}

function count(number, one, many = `${one}s`) {
  return `${number.toLocaleString("en")} ${number === 1 ? one : many}`;
}
