/**
 * Cuts TypeScript into tokens, well enough for the rules of the house: strings, templates, comments and
 * regular expressions are told from code, and the code inside `${…}` is code again. It does not parse:
 * punctuation comes one character a token, and what a slash means is guessed from what stands before it.
 */
export type TokenKind =
  | "name"
  | "number"
  | "string"
  | "template"
  | "regex"
  | "comment"
  | "punctuation";

export interface Token {
  readonly kind: TokenKind;
  /** For strings what stands between the quotes, else the source as it is. */
  readonly text: string;
  /** Counted from 1. */
  readonly line: number;
}

const NAME = /[\p{ID_Start}$_#@][\p{ID_Continue}$\u200c\u200d]*/uy;
const NUMBER = /\d[\w.]*/y;
const STRING = /"(?:[^"\\\n]|\\[\s\S])*"|'(?:[^'\\\n]|\\[\s\S])*'/y;
const COMMENT = /\/\/[^\n]*|\/\*[\s\S]*?\*\//y;
const REGEX = /\/(?:[^/\\[\n]|\\.|\[(?:[^\]\\\n]|\\.)*\])+\/[a-z]*/y;
/** From a backtick, or from the brace that ends `${…}`, up to the next `${` or the closing backtick. */
const TEMPLATE = /[`}](?:[^`\\$]|\\[\s\S]|\$(?!\{))*(?:`|\$\{)/y;

/** After these words a slash begins a regular expression; after any other name it divides. */
const WORDS_BEFORE_VALUE = new Set(
  "return typeof case in of do else void delete throw new await yield instanceof".split(" "),
);

/** @throws {SyntaxError} where a string, comment or template does not end */
export function tokenize(source: string): Token[] {
  const tokens: Token[] = [];
  /** For each template that is open: how many braces are open inside its current `${…}`. */
  const templateBraces: number[] = [];
  let offset = source.startsWith("#!") ? source.indexOf("\n") : 0;
  let line = 1;

  const take = (kind: TokenKind, pattern: RegExp): boolean => {
    pattern.lastIndex = offset;
    const text = pattern.exec(source)?.[0];
    if (text === undefined) return false;
    tokens.push({ kind, text: kind === "string" ? text.slice(1, -1) : text, line });
    offset += text.length;
    for (const character of text) if (character === "\n") line++;
    return true;
  };
  const must = (kind: TokenKind, pattern: RegExp): void => {
    if (!take(kind, pattern)) throw new SyntaxError(`cannot read the ${kind} in line ${line}`);
  };

  while (offset < source.length) {
    const character = source[offset]!;
    const innermost = templateBraces.length - 1;
    if (character === "\n") {
      line++;
      offset++;
    } else if (/\s/.test(character)) {
      offset++;
    } else if (character === "/" && /[/*]/.test(source[offset + 1] ?? "")) {
      must("comment", COMMENT);
    } else if (character === '"' || character === "'") {
      must("string", STRING);
    } else if (character === "`" || (character === "}" && templateBraces[innermost] === 0)) {
      must("template", TEMPLATE);
      if (character === "}") templateBraces.pop();
      if (tokens.at(-1)!.text.endsWith("${")) templateBraces.push(0);
    } else if (character === "/" && beginsValue(tokens) && take("regex", REGEX)) {
      continue;
    } else if (take("number", NUMBER) || take("name", NAME)) {
      continue;
    } else {
      if (character === "{" && innermost >= 0) templateBraces[innermost]!++;
      if (character === "}" && innermost >= 0) templateBraces[innermost]!--;
      tokens.push({ kind: "punctuation", text: character, line });
      offset++;
    }
  }
  if (templateBraces.length > 0) throw new SyntaxError("cannot read the template at the end");
  return tokens;
}

/** Whether what comes next is a value, as at the start of an expression, and not an operator. */
function beginsValue(tokens: readonly Token[]): boolean {
  const before = tokens.findLast(({ kind }) => kind !== "comment");
  if (before === undefined) return true;
  if (before.kind === "name") return WORDS_BEFORE_VALUE.has(before.text);
  if (before.kind === "punctuation") return !")]}".includes(before.text);
  return before.kind === "template" && before.text.endsWith("${");
}
