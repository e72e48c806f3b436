// The theme: dark or light as the system says, unless a person chose; the choice is remembered where the browser lets it.
const KEY = "chronicle-theme";

const stored = () => {
  try {
    return localStorage.getItem(KEY);
  } catch {
    return null;
  }
};

/** Applies what was chosen before. `onChange` is called whenever colours change. */
export function startTheme(onChange) {
  apply(stored());
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", onChange);
}

/** The other theme. */
export function toggleTheme() {
  const isDark = (document.documentElement.dataset.theme ?? (matchMedia("(prefers-color-scheme: dark)").matches ? "dark" : "light")) === "dark";
  const next = isDark ? "light" : "dark";
  apply(next);
  try {
    localStorage.setItem(KEY, next);
  } catch {
    // Without storage the choice lasts as long as the page.
  }
}

function apply(theme) {
  if (theme === "dark" || theme === "light") document.documentElement.dataset.theme = theme;
}
