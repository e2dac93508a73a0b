// Keys of the player, wherever the focus is, unless what has the focus needs them itself.

const SHORTCUTS = [
  ["Space, k", "play or pause"],
  ["← →", "one frame back or forward; with Shift ten"],
  ["Home End", "first or last frame"],
  ["p n", "previous or next of the worst moments"],
  ["[ ]", "previous or next video"],
  ["− +", "less or more opacity"],
  ["< >", "slower or faster"],
  ["Enter", "on a picture: point at pixels with the arrow keys; Escape leaves"],
  ["?", "this list"],
];

function listenToKeys(player) {
  const nudge = (id, by) => {
    const input = byId(id);
    if (input.tagName === "SELECT") input.selectedIndex = Math.max(0, Math.min(input.options.length - 1, input.selectedIndex + by));
    else input.value = Number(input.value) + by * Number(input.step);
    input.dispatchEvent(new Event(input.tagName === "SELECT" ? "change" : "input"));
  };
  const toggle = () => (player.state.playing ? player.pause() : player.play());
  const actions = {
    " ": toggle,
    k: toggle,
    ArrowLeft: (event) => player.step(event.shiftKey ? -10 : -1),
    ArrowRight: (event) => player.step(event.shiftKey ? 10 : 1),
    Home: () => player.step(-Infinity),
    End: () => player.step(Infinity),
    p: () => player.nextMoment(-1),
    n: () => player.nextMoment(1),
    "[": () => player.open(player.state.index - 1),
    "]": () => player.open(player.state.index + 1),
    "-": () => nudge("opacity", -1),
    "+": () => nudge("opacity", 1),
    "<": () => nudge("speed", -1),
    ">": () => nudge("speed", 1),
    "?": () => { byId("help").open = !byId("help").open; },
  };
  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || !player.state.clip || !actions[event.key]) return;
    if (isTaken(event)) return;
    event.preventDefault();
    actions[event.key](event);
  });
  byId("shortcuts").append(...SHORTCUTS.flatMap(([keys, text]) => [
    make("dt", {}, keys.split(" ").flatMap((key) => [make("kbd", {}, key.replace(",", "")), " "])),
    make("dd", {}, text),
  ]));
}

// Whether the focused element uses the key itself.
function isTaken(event) {
  const { target, key } = event;
  const moves = key.startsWith("Arrow") || key === "Home" || key === "End";
  if (target.tagName === "SELECT") return true;
  if (target.tagName === "INPUT") return key === " " || moves;
  if (key === " ") return ["BUTTON", "SUMMARY", "A"].includes(target.tagName);
  return moves && target.closest(".scroller, #matrix") !== null;
}
