// What the compiler does not see. Layout is Prettier's: `npm run format`.
import js from "@eslint/js";
import svelte from "eslint-plugin-svelte";
import globals from "globals";
import ts from "typescript-eslint";

const NO_MARKUP = "Text of a peer is text nodes only: nothing makes markup of a string.";
const markup = [
  "innerHTML",
  "outerHTML",
  "insertAdjacentHTML",
  "setHTMLUnsafe",
  "createContextualFragment",
  "write",
];

export default ts.config(
  { ignores: ["node_modules", "**/*.gen.ts"] },
  js.configs.recommended,
  ...ts.configs.strict,
  ...svelte.configs.recommended,
  {
    languageOptions: { globals: globals.browser },
    linterOptions: { reportUnusedDisableDirectives: "error" },
    rules: {
      eqeqeq: "error",
      "no-console": "error",
      "no-eval": "error",
      "no-implied-eval": "error",
      "no-restricted-properties": ["error", ...markup.map((property) => ({ property, message: NO_MARKUP }))],
      "@typescript-eslint/explicit-function-return-type": ["error", { allowExpressions: true }],
      "@typescript-eslint/no-non-null-assertion": "off", // with noUncheckedIndexedAccess it says what is known
      "@typescript-eslint/no-extraneous-class": "off", // Qt declares such a class
      "svelte/no-at-html-tags": "error",
      "svelte/prefer-svelte-reactivity": "off", // a plain Map is right where nothing drawn depends on it
      "svelte/no-target-blank": "error",
    },
  },
  { files: ["**/*.svelte", "**/*.svelte.ts"], languageOptions: { parserOptions: { parser: ts.parser } } },
  {
    files: ["tests/**", "*.config.*"],
    languageOptions: { globals: globals.node },
    rules: { "@typescript-eslint/no-empty-function": "off" },
  },
);
