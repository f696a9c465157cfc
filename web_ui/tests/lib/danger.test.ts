import { expect, it } from "vitest";

import { DANGEROUS_ENDINGS } from "../../src/bridge/api.gen";
import { isDangerous } from "../../src/lib/danger";

it("knows programs by the last ending of their name, in any case", () => {
  for (const ending of DANGEROUS_ENDINGS)
    expect(isDangerous(`a.png.${ending.toUpperCase()}`), ending).toBe(true);
  for (const name of ["exe", "a.exe.png", "a.", "", "a.sheet"]) expect(isDangerous(name), name).toBe(false);
});
