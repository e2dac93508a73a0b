// What is drawn over a frame: 32-bit pixels of labels, errors or flicker, computed from the label maps of that frame.

const WRONG = pixel([235, 40, 40]);
const UNKNOWN = pixel([0, 0, 0], 190);
const CHANGED_NOW = pixel([120, 255, 255]);
// A pixel that changes in every fourth frame already looks broken.
const FULL_FLICKER = 0.25;
// The more often a pixel changes, the less of the frame shines through.
const HEAT = Uint32Array.from(report.heat, (colour, level) => pixel(colour, Math.min(255, 40 + 2 * level)));

function paintLabels(out, labels, offset, table) {
  for (let p = 0; p < out.length; p++) out[p] = table[labels[offset + p]];
}

function paintErrors(out, labels, target, offset) {
  const { none } = report.classes;
  const alone = settings.alone;
  for (let p = 0; p < out.length; p++) {
    const truth = target[offset + p];
    const label = labels[offset + p];
    if (truth === none) out[p] = UNKNOWN;
    else if (truth === label || (alone !== null && truth !== alone && label !== alone)) out[p] = 0;
    else out[p] = WRONG;
  }
}

function paintFlicker(out, labels, target, offset, rates) {
  const { none } = report.classes;
  const area = out.length;
  for (let p = 0; p < area; p++) {
    const i = offset + p;
    const same = offset > 0 && target[i] !== none && target[i] === target[i - area];
    if (same && labels[i] !== labels[i - area]) out[p] = CHANGED_NOW;
    else if (rates.changes[p] === 0) out[p] = 0;
    else out[p] = HEAT[Math.min(255, Math.round((255 * rates.changes[p]) / rates.chances[p] / FULL_FLICKER))];
  }
}
