/** `[data-progress]` stands while work goes on elsewhere: look every two seconds, load the page once it changed. */

const EVERY = 2_000;
const LONGEST = 30_000;

export function watchProgress(): void {
  const state = document.querySelector<HTMLElement>("[data-progress]")?.dataset.progress;
  if (state) look(state, EVERY);
}

function look(state: string, wait: number): void {
  setTimeout(async () => {
    if (document.hidden) return look(state, wait);
    try {
      const answer = await fetch(location.href, { headers: { accept: "text/html" } });
      const page = new DOMParser().parseFromString(await answer.text(), "text/html");
      const now = page.querySelector<HTMLElement>("[data-progress]")?.dataset.progress;
      if (answer.status < 500 && now !== state) location.reload();
      else look(state, EVERY);
    } catch {
      look(state, Math.min(wait * 2, LONGEST)); // no connection: slower and slower
    }
  }, wait);
}
