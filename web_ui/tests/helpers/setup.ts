// Runs before each test file: all files of a worker share one document.
import { afterEach, beforeEach } from "vitest";

import { cleanUp, prepare } from "./page";

beforeEach(prepare);
afterEach(cleanUp);
