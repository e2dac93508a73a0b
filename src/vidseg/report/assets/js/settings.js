// What the reader has chosen to see: whoever shows it is told when it changes. A page's own script names the `settings`.

// Called with the name of the setting that changed.
const listeners = [];

function whenSettingsChange(listener) {
  listeners.push(listener);
}

function change(name, value) {
  settings[name] = value;
  for (const listener of listeners) listener(name);
}
