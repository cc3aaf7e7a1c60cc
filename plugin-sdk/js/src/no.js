// The two ways in which a rule says no. Throw one of them; whatever else is thrown is a mistake of the rule and breaks
// the call.

/** The rule decides against it. The manifest's `[messages]` translate the code; `args` are the numbers of the sentence. */
export class Refused extends Error {
  constructor(code, args = []) {
    super(code);
    this.code = code;
    this.about = "";
    this.args = args;
    this.verdict = "refused";
  }
}

/** The rule cannot decide, because of `about`: the name of a fact, or a JSON pointer into the settings. */
export class Undecided extends Error {
  constructor(code, about = "", args = []) {
    super(code);
    this.code = code;
    this.about = about;
    this.args = args;
    this.verdict = "undecided";
  }
}

/** A number left the range that the contract can carry. */
export function outOfRange() {
  return new Undecided("out-of-range");
}
