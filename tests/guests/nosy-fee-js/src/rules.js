// Tells what it finds where an operating system would be, as problems of its settings.

import { Undecided, defineFeePolicy } from "guanjia-plugin-sdk";

export const feePolicy = defineFeePolicy({
  facts: [],
  steps: [],
  measures: [],
  settings: (json) => json,
  check() {
    const started = Date.now();
    for (let i = 0; i < 100_000; i += 1);
    return [
      { code: "now", about: new Date().toISOString() },
      { code: "waited", about: String(Date.now() - started) },
      { code: "random", about: String(Math.random()) },
      { code: "random-again", about: String(Math.random()) },
    ];
  },
  charge() {
    throw new Undecided("no-line");
  },
});
