// Unpacking a clip: pictures and label maps, only when it is looked at.

function bytesOf(index) {
  const text = atob(byId(`clip-${index}`).textContent);
  const bytes = new Uint8Array(text.length);
  for (let i = 0; i < bytes.length; i++) bytes[i] = text.charCodeAt(i);
  return bytes;
}

async function inflated(bytes) {
  const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("deflate"));
  return new Response(stream).arrayBuffer();
}

async function unpackLabels(bytes) {
  const buffer = await inflated(bytes);
  return report.classes.none > 255 ? new Uint16Array(buffer) : new Uint8Array(buffer);
}

// The first pictures are decoded before the rest, so that something is seen at once.
async function openClip(index) {
  const about = report.samples.clips[index];
  const bytes = bytesOf(index);
  const part = ([offset, length]) => bytes.subarray(offset, offset + length);
  const decode = (place) => createImageBitmap(new Blob([part(place)], { type: "image/webp" }));
  const images = about.parts.images.map(() => null);
  const [target, ...labels] = await Promise.all([about.parts.target, ...about.parts.labels].map((p) => unpackLabels(part(p))));
  const clip = {
    about, target, labels,
    area: about.width * about.height,
    length: about.frames.length,
    image: (t) => (images[t] ??= decode(about.parts.images[t])),
    close: () => images.forEach((image) => image?.then((bitmap) => bitmap.close())),
  };
  clip.flicker = labels.map((one) => flickerRates(clip, one));
  clip.present = classesPresent(clip);
  return clip;
}

// For every pixel, in how many frames its label changed where the ground truth did not, and in how many it could have.
function flickerRates(clip, labels) {
  const { area, target } = clip;
  const none = report.classes.none;
  const changes = new Uint16Array(area);
  const chances = new Uint16Array(area);
  for (let i = area; i < target.length; i++) {
    if (target[i] === none || target[i] !== target[i - area]) continue;
    const p = i % area;
    chances[p]++;
    if (labels[i] !== labels[i - area]) changes[p]++;
  }
  return { changes, chances };
}

function classesPresent(clip) {
  const seen = new Uint8Array(report.classes.none + 1);
  for (const layer of [clip.target, ...clip.labels]) for (let i = 0; i < layer.length; i++) seen[layer[i]] = 1;
  return report.classes.names.map((_, id) => id).filter((id) => seen[id]);
}
