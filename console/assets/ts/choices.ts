/**
 * Links inside `[data-choices]` lead to the same page with another choice. Only that region is exchanged, so that the
 * place on the page and what was typed into the form stay; the address follows.
 */

let running: AbortController | null = null;

export function watchChoices(): void {
  document.addEventListener("click", (event) => {
    const link = (event.target as Element).closest<HTMLAnchorElement>("[data-choices] a[href]:not([target])");
    if (!link || event.defaultPrevented || event.ctrlKey || event.metaKey || event.shiftKey) return;
    event.preventDefault();
    void choose(link);
  });
}

async function choose(link: HTMLAnchorElement): Promise<void> {
  const region = link.closest<HTMLElement>("[data-choices]");
  if (!region) return;
  running?.abort();
  running = new AbortController();
  region.setAttribute("aria-busy", "true");
  const place = [...region.querySelectorAll("a")].indexOf(link);
  try {
    const answer = await fetch(link.href, { signal: running.signal, headers: { accept: "text/html" } });
    const page = new DOMParser().parseFromString(await answer.text(), "text/html");
    const fresh = page.getElementById(region.id);
    if (!answer.ok || !fresh) throw new Error(String(answer.status));
    region.replaceWith(fresh);
    history.replaceState(null, "", link.href);
    focusAgain(fresh, link, place);
  } catch (error) {
    if ((error as Error).name !== "AbortError") location.assign(link.href);
  }
}

/** Focus the link of the same name, or the one at the same place: keyboards go on from where they were. */
function focusAgain(region: HTMLElement, link: HTMLAnchorElement, place: number): void {
  const links = [...region.querySelectorAll("a")];
  const same = links.find((other) => other.textContent === link.textContent);
  (same ?? links[place])?.focus({ preventScroll: true });
}
