import { expect, it } from "vitest";

import Field from "../../src/views/Field.svelte";
import { show } from "../helpers/page";

it("ties its label, its hint and its error to the input", async () => {
  const page = await show(Field, { props: { label: "Name", hint: "1 to 24", type: "email", value: "a" } });
  const input = page.find<HTMLInputElement>("input");
  expect([input.type, input.value, page.find<HTMLLabelElement>("label").htmlFor]).toEqual([
    "email",
    "a",
    input.id,
  ]);
  expect(document.getElementById(input.getAttribute("aria-describedby")!)!.textContent).toBe("1 to 24");
  expect(input.getAttribute("aria-invalid")).toBe("false");
});

it("shows its error in place of its hint", async () => {
  const page = await show(Field, { props: { label: "Name", hint: "1 to 24", error: "Too long" } });
  expect([page.texts("span"), page.texts(".error")]).toEqual([["Too long"], ["Too long"]]);
  expect(page.find("input").getAttribute("aria-invalid")).toBe("true");
});
