// Colours of classes, as CSS and as 32-bit pixels in the byte order of ImageData.

function classColour(id) {
  const palette = settings.safe ? report.classes.safe_palette : report.classes.palette;
  return palette[id] ?? null;
}

function className(id) {
  return id === report.classes.none ? "no label" : report.classes.names[id] ?? `class ${id}`;
}

function swatch(id) {
  const colour = classColour(id);
  const element = make("span", { class: "swatch", "aria-hidden": "true" });
  if (colour) element.style.backgroundColor = `rgb(${colour.join(" ")})`;
  return element;
}

function pixel([red, green, blue], alpha = 255) {
  const bytes = new Uint8Array([red, green, blue, alpha]);
  return new Uint32Array(bytes.buffer)[0];
}

// One pixel a class; transparent where there is no class, or another than the one shown alone.
function classPixels() {
  const table = new Uint32Array(report.classes.none + 1);
  report.classes.names.forEach((_, id) => {
    if (settings.alone === null || settings.alone === id) table[id] = pixel(classColour(id));
  });
  return table;
}
