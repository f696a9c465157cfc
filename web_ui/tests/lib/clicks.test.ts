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

function make(name: string, text: string, attributes: Record<string, string> = {}): HTMLElement {
  const element = document.createElement(name);
  element.textContent = text;
  for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, value);
  return element;
}

beforeEach(() => {
  window.addEventListener("click", dropSecondHalf, true);
  const one = make("button", "", { id: "one", type: "button" });
  one.append(make("b", "1"));
  const form = document.createElement("form");
  form.append(make("button", "3", { id: "send" }));
  document.body.replaceChildren(
    one,
    make("button", "2", { id: "many", type: "button", "data-repeats": "" }),
    form,
    make("a", "4", { href: "#x" }),
  );
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
