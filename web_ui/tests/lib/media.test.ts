import { expect, it } from "vitest";

import { mediaUrl } from "../../src/lib/media";

it("names a picture by talk and transfer, and neither can reach beyond its place", () => {
  expect(mediaUrl("t1", "F2")).toBe("floater://media/t1/F2");
  expect(mediaUrl("a/b", "../c?d")).toBe("floater://media/a%2Fb/..%2Fc%3Fd");
});
