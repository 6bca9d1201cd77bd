// Sets the colours: light, dark, or those of the system. Loaded in the head, so that no page flashes in other colours.

(() => {
  const KEY = "plaudit-theme", THEMES = ["system", "light", "dark"];
  const dark = matchMedia("(prefers-color-scheme: dark)");
  let theme = THEMES.includes(localStorage.getItem(KEY)) ? localStorage.getItem(KEY) : "system";

  function paint() {
    const root = document.documentElement, actual = theme === "system" ? (dark.matches ? "dark" : "light") : theme;
    const changed = root.dataset.theme !== actual;
    root.dataset.theme = actual;
    const button = document.getElementById("theme");
    if (button) button.textContent = theme[0].toUpperCase() + theme.slice(1);
    if (changed) root.dispatchEvent(new Event("themechange"));
  }

  paint();
  dark.addEventListener("change", paint);
  document.addEventListener("DOMContentLoaded", () => {
    paint();
    document.getElementById("theme").addEventListener("click", () => {
      theme = THEMES[(THEMES.indexOf(theme) + 1) % THEMES.length];
      localStorage.setItem(KEY, theme);
      paint();
    });
  });
})();
