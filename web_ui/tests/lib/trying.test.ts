import { describe, expect, it } from "vitest";

import type { PathKind } from "../../src/bridge/api.gen";
import { sayTrying } from "../../src/lib/trying";
import { tell } from "../helpers/events";

describe("what is being tried", () => {
  const said = (kinds: PathKind[], technique = "crossing", hides = false): string[] =>
    sayTrying(tell("trying", { kinds, technique }), hides);

  it("follows the race", () => {
    expect(sayTrying(null, false)).toEqual(["trying.begins"]);
    expect(said([])).toEqual(["trying.begins"]);
    expect(said(["lan"])).toEqual(["trying.lan"]);
    expect(said(["lan", "direct"])).toEqual(["trying.both"]);
    expect(said(["direct"])).toEqual(["trying.direct"]);
    expect(said(["direct", "relay"])).toEqual(["trying.direct", "trying.relay_too"]);
    expect(said(["relay"])).toEqual(["trying.relay"]);
  });
  it("names the guessing of ports, and not what there is no guessing for", () => {
    for (const technique of ["prediction", "block_scan", "birthday"])
      expect(said(["direct", "relay"], technique)).toEqual(["trying.guesses", "trying.relay_too"]);
    expect(said(["direct"], "hopeless")).toEqual(["trying.direct"]);
    expect(said(["lan"], "birthday")).toEqual(["trying.lan"]);
  });
  it("says to whoever hides their address that it stays hidden", () => {
    expect(said(["relay"], "crossing", true)).toEqual(["trying.hidden"]);
    expect(sayTrying(null, true)).toEqual(["trying.hidden"]);
  });
});
