/**
 * What may reach a terminal of a text from outside. Colours pass, a tab, and what moves within the line: carriage
 * return, backspace, columns. Everything else that a terminal would act upon is dropped: titles, clipboard, other
 * screens, movement to other lines, erasing, queries that it would answer as if typed, whether written with ESC or as
 * one character of C1. The only sequences that come out are made whole here, so nothing can be smuggled in parts.
 */

/** How far a sequence has come. */
type State = 'text' | 'escape' | 'intermediate' | 'control' | 'string';

/** Sequences longer than this are dropped; no colour takes as much. */
const MAX_PARAMETERS = 64;
const COLOUR = /^[\d:;]*m$/;
/** CUF, CUB, CHA, HPA, HPR: forward, back, to a column. */
const COLUMN = /^\d{0,5}[CDG`a]$/;
/** Most text has none of these, and passes as it is. */
// biome-ignore lint/suspicious/noControlCharactersInRegex: they are what it looks for
const ACTS = /[\u0000-\u0008\u000a-\u001f\u007f-\u009f]/;
/** What JSON may hold as it is; it has escapes for the others. */
const C1_OF_JSON = /[\u007f-\u009f]/g;
/** Takes all colours back. */
export const RESET_COLOURS = '\u001b[0m';

export interface Allowed {
  /** Whether what moves within the line passes; not where something stands before the text. */
  movement: boolean;
}

/** Filters one text that may come in parts. */
export class TerminalText {
  readonly #allowed: Allowed;
  #state: State = 'text';
  #parameters = '';
  /** Whether a colour is on that the text has not taken back. */
  isColoured = false;

  constructor(allowed: Allowed = { movement: true }) {
    this.#allowed = allowed;
  }

  /** @param part a sequence that it leaves open goes on in the next one */
  push(part: string): string {
    if (this.#state === 'text' && !ACTS.test(part)) return part;
    let shown = '';
    for (const character of part) shown += this.#take(character);
    return shown;
  }

  /** Forgets a sequence that was left open: a line that never ends it must not hide the ones after it. */
  endLine(): void {
    this.#state = 'text';
  }

  #take(character: string): string {
    const code = character.codePointAt(0)!;
    // CAN and SUB end any sequence, ESC begins another.
    if (code === 0x18 || code === 0x1a) return this.#enter('text');
    if (code === 0x1b) return this.#enter('escape');
    if (code >= 0x80 && code <= 0x9f) return this.#enter(stateAfterC1(code));
    switch (this.#state) {
      case 'text':
        return this.#isShown(code) ? character : '';
      case 'string':
        return code === 0x07 ? this.#enter('text') : '';
      case 'escape':
      case 'intermediate':
        return this.#takeEscape(character, code);
      case 'control':
        return this.#takeControl(character, code);
    }
  }

  #isShown(code: number): boolean {
    if (code === 0x09) return true;
    if (code === 0x0d || code === 0x08) return this.#allowed.movement;
    return code >= 0x20 && code !== 0x7f;
  }

  #takeEscape(character: string, code: number): string {
    if (code < 0x20 || code === 0x7f) return '';
    if (code > 0x7f) return this.#enter('text') + character;
    if (code <= 0x2f) return this.#enter('intermediate');
    if (this.#state === 'intermediate') return this.#enter('text');
    if (character === '[') return this.#enter('control');
    // OSC, DCS, SOS, PM, APC, and the titles of screen and tmux.
    return this.#enter(']PX^_k'.includes(character) ? 'string' : 'text');
  }

  #takeControl(character: string, code: number): string {
    if (code < 0x20 || code === 0x7f) return '';
    if (code > 0x7f) return this.#enter('text') + character;
    if (this.#parameters.length < MAX_PARAMETERS) this.#parameters += character;
    if (code < 0x40) return '';
    const sequence = this.#parameters;
    this.#state = 'text';
    // A sequence that was cut off for its length has lost its end, and is neither.
    if (!sequence.endsWith(character)) return '';
    if (COLOUR.test(sequence)) {
      this.isColoured = !/^0?m$/.test(sequence);
      return `\u001b[${sequence}`;
    }
    return this.#allowed.movement && COLUMN.test(sequence) ? `\u001b[${sequence}` : '';
  }

  #enter(state: State): string {
    this.#state = state;
    this.#parameters = '';
    return '';
  }
}

function stateAfterC1(code: number): State {
  if (code === 0x9b) return 'control';
  return [0x90, 0x98, 0x9d, 0x9e, 0x9f].includes(code) ? 'string' : 'text';
}

/** Text of this program's own, of several lines, with words from outside in it. */
export function cleanLines(text: string): string {
  const filter = new TerminalText();
  return text
    .split('\n')
    .map((line) => {
      const shown = filter.push(line);
      filter.endLine();
      return shown;
    })
    .join('\n');
}

/** JSON that means the same and has no character that a terminal acts upon. */
export const escapeC1 = (json: string): string =>
  json.replaceAll(C1_OF_JSON, (character) => `\\u00${character.charCodeAt(0).toString(16)}`);
