// Which files may run a program when they are opened.
import { DANGEROUS_ENDINGS } from "../bridge/api.gen";

const ENDINGS: ReadonlySet<string> = new Set(DANGEROUS_ENDINGS);

/** Whether a file with this name may run a program when it is opened. The core has cleaned the name. */
export function isDangerous(name: string): boolean {
  return name.includes(".") && ENDINGS.has(name.slice(name.lastIndexOf(".") + 1).toLowerCase());
}
