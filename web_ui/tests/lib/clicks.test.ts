import { afterEach, beforeEach, expect, it, vi } from "vitest";

import { dropSecondHalf } from "../../src/lib/clicks";

const clicked = vi.fn();
const sent = vi.fn((event: Event) => event.preventDefault());

/** Click as a browser does: `detail` counts the clicks at one place. */
function click(query: string, ...details: number[]): void {
  for (const detail of details)
    document
      .querySelector(query)!
      .dispatchEvent(new MouseEvent("click", { bubbles: true, cancelable: true, detail }));
}

beforeEach(() => {
  window.addEventListener("click", dropSecondHalf, true);
  document.body.innerHTML =
    '<button id="one" type="button"><b>1</b></button><button id="many" type="button" data-repeats>2</button>' +
    '<form><button id="send">3</button></form><a href="#x">4</a>';
  document.body.addEventListener("click", clicked);
  document.querySelector("form")!.addEventListener("submit", sent);
});

afterEach(() => {
  window.removeEventListener("click", dropSecondHalf, true);
  document.body.removeEventListener("click", clicked);
  document.body.replaceChildren();
  vi.clearAllMocks();
});

it("lets a button have one click of two or three, also where it has just appeared", () => {
  click("#one b", 1, 2, 3);
  expect(clicked).toHaveBeenCalledTimes(1);
  click("#one", 2);
  expect(clicked).toHaveBeenCalledTimes(1);
});

it("sends a form once", () => {
  click("#send", 1, 2);
  expect(sent).toHaveBeenCalledTimes(1);
});

it("lets keys, buttons that repeat, and all that is no button have every click", () => {
  click("#one", 0, 0);
  click("#many", 1, 2, 3);
  click("a", 1, 2);
  expect(clicked).toHaveBeenCalledTimes(7);
});
