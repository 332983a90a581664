/** Looks for texts in bytes, whatever their case, without making strings of them. */

/**
 * Beyond ASCII there are three letters whose lower case or case folding has an ASCII letter in it: U+212A (k), U+017F
 * (s) and U+0130 (i). Where a wanted text has that letter, they count as a find: the line is then judged as text.
 */
const LOOKALIKES: readonly [letter: string, character: string][] = [
  ['k', '\u212a'],
  ['s', '\u017f'],
  ['i', '\u0130'],
];

export class TextFinder {
  readonly #needles: ((bytes: Buffer, from: number) => number)[];
  readonly #found: number[];
  #bytes: Buffer = Buffer.alloc(0);

  /** @param texts printable ASCII in lower case, none of them empty */
  constructor(texts: readonly string[]) {
    const lookalikes = LOOKALIKES.filter(([letter]) => texts.some((text) => text.includes(letter)));
    this.#needles = [
      ...texts.map(anyCase),
      ...lookalikes.map(([, character]) => {
        const wanted = Buffer.from(character);
        return (bytes: Buffer, from: number) => bytes.indexOf(wanted, from);
      }),
    ];
    this.#found = this.#needles.map(() => -1);
  }

  /** From here on these bytes are searched, from their beginning to their end. */
  look(bytes: Buffer): void {
    this.#bytes = bytes;
    this.#found.fill(-1);
  }

  /** Where the first find at `from` or after it begins; infinite when there is none. `from` must not go back. */
  next(from: number): number {
    let first = Number.POSITIVE_INFINITY;
    for (let n = 0; n < this.#needles.length; n++) {
      if (this.#found[n]! < from) {
        const at = this.#needles[n]!(this.#bytes, from);
        this.#found[n] = at < 0 ? Number.POSITIVE_INFINITY : at;
      }
      if (this.#found[n]! < first) first = this.#found[n]!;
    }
    return first;
  }
}

/** The search of Boyer, Moore and Horspool: it looks at few of the bytes, and not at all at what is in between. */
function anyCase(text: string): (bytes: Buffer, from: number) => number {
  const lower = Buffer.from(text);
  const upper = Buffer.from(text.toUpperCase());
  const last = lower.length - 1;
  const skips = new Uint16Array(256).fill(lower.length);
  for (let n = 0; n < last; n++) {
    skips[lower[n]!] = last - n;
    skips[upper[n]!] = last - n;
  }
  return (bytes, from) => {
    const end = bytes.length;
    const [lowerLast, upperLast] = [lower[last]!, upper[last]!];
    for (let at = from + last; at < end; ) {
      const byte = bytes[at]!;
      if (byte === lowerLast || byte === upperLast) {
        let n = last - 1;
        let here = at - 1;
        while (n >= 0 && (bytes[here] === lower[n] || bytes[here] === upper[n])) {
          n--;
          here--;
        }
        if (n < 0) return here + 1;
      }
      at += skips[byte]!;
    }
    return -1;
  };
}
