import { existsSync, readdirSync } from "node:fs";
import { join } from "node:path";

import { expect, it } from "vitest";

const SRC = join(__dirname, "../src");

/** Generated files are checked by Python to be current; the start-up only ties together what is tested by itself. */
const EXEMPT = [/\.gen\.ts$/, /^main\.ts$/];

const sources = readdirSync(SRC, { recursive: true, encoding: "utf8" })
  .map((name) => name.replaceAll("\\", "/"))
  .filter((name) => /\.(ts|svelte)$/.test(name) && !EXEMPT.some((each) => each.test(name)));

/** `views/Bar.svelte` and `models/app.svelte.ts` are tested by `views/Bar.test.ts` and `models/app.test.ts`. */
const testsOf = (source: string): string[] => {
  const name = source.replace(/(\.svelte)?(\.ts)?$/, "");
  return [`${name}.test.ts`, `${name}.svelte.test.ts`];
};

it("finds what is to be tested", () => {
  expect(sources).toEqual(
    expect.arrayContaining(["views/App.svelte", "models/app.svelte.ts", "lib/links.ts"]),
  );
});

it.each(sources)("has a test file of its own: %s", (source) => {
  expect(testsOf(source).filter((name) => existsSync(join(__dirname, name)))).toHaveLength(1);
});
