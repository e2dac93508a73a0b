// The classes of a clip. Pressing one shows it alone, pressing it again shows all.

function makeLegend(container) {
  let present = [];

  function draw() {
    container.replaceChildren(...present.map((id) => make("button", {
      type: "button",
      "aria-pressed": String(settings.alone === id),
      "data-class": id,
      title: "Show this class alone",
      onclick: () => {
        change("alone", settings.alone === id ? null : id);
        container.querySelector(`[data-class="${id}"]`)?.focus();
      },
    }, swatch(id), className(id))));
  }

  whenSettingsChange((name) => ["alone", "safe"].includes(name) && draw());
  return {
    show: (clip) => {
      present = clip.present;
      if (settings.alone !== null && !present.includes(settings.alone)) change("alone", null);
      draw();
    },
  };
}
