/** Theme links (`a[data-theme-choice]`) take effect at once and are kept in a cookie, so the server draws the next page right. */

const YEAR = 31_536_000;

export function watchTheme(): void {
  document.addEventListener("click", (event) => {
    const link = (event.target as Element).closest<HTMLAnchorElement>("a[data-theme-choice]");
    if (!link || event.ctrlKey || event.metaKey || event.shiftKey) return;
    event.preventDefault();
    const choice = link.dataset.themeChoice ?? "";
    const root = document.documentElement;
    if (choice === "system") delete root.dataset.theme;
    else root.dataset.theme = choice;
    const secure = location.protocol === "https:" ? ";secure" : "";
    document.cookie = `theme=${choice};path=/;max-age=${YEAR};samesite=lax${secure}`;
    for (const other of link.parentElement?.children ?? []) other.removeAttribute("aria-current");
    link.setAttribute("aria-current", "true");
  });
}
