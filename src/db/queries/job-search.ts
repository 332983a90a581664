/**
 * Finds the newest final jobs of one phase whose start and end lie within bounds, with some hundred probes of indexes,
 * however many jobs there are. Jobs are indexed by the month, day, hour and minute of their start, in each newest first;
 * whatever the bounds, few such units cover them. Two kinds of job are looked for apart: those that had started before
 * `finishedAfter` and were running then, which are no more than a machine can run at once, by the smallest unit that
 * holds their whole run; and those that never started, by the unit of their end.
 */
import { CompiledQuery } from 'kysely';
import type { JobPhase } from '../../lifecycle/job.ts';
import { formatMicros, parseMicros } from '../../shared/clock.ts';
import type { Queries } from '../open.ts';
import type { JobFilter } from './job-pages.ts';

/** What a list is ordered by. */
export interface JobKey {
  created_at: string;
  id: string;
}

export interface JobSearch {
  serviceId: string;
  phase: JobPhase;
  filter: JobFilter;
  /** Only jobs after it in the order of the list. */
  after: { createdAt: string; id: string } | undefined;
}

/** Both ends are outside; what is absent is unbounded. */
interface Range {
  after: string | undefined;
  before: string | undefined;
}

/** Lengths of the texts of a month, a day, an hour and a minute, as the indexes have them. */
const MONTH = 7;
const DAY = 10;
const HOUR = 13;
const MINUTE = 16;
/** Units that hold a whole run, as their index has them. */
const RUN_UNITS = [MINUTE, 15, HOUR, 12, DAY, 9, MONTH, 4] as const;
const MINUTE_MICROS = 60_000_000;
/** Pieces that are looked at together. */
const AT_ONCE = 32;

/** Written to the letter as in the indexes: else the planner does not know that they will do. */
const startedIn = (length: number): string =>
  `coalesce(substr(started_at, 1, ${length}), 'n' || substr(finished_at, 1, ${length}))`;
const RUN_WITHIN = `(CASE ${RUN_UNITS.map(
  (length) =>
    `WHEN substr(started_at, 1, ${length}) = substr(finished_at, 1, ${length}) THEN substr(started_at, 1, ${length})`,
).join(' ')} ELSE '' END)`;

export function newestFirst(a: JobKey, b: JobKey): number {
  if (a.created_at !== b.created_at) return a.created_at < b.created_at ? 1 : -1;
  return a.id < b.id ? 1 : a.id > b.id ? -1 : 0;
}

/** Adds rows to a list that stays sorted and within the limit. */
export function keepNewest(best: JobKey[], rows: readonly JobKey[], limit: number): void {
  best.push(...rows);
  best.sort(newestFirst).splice(limit);
}

/** Adds to `best`, which stays sorted and within the limit, what is newer than what it has. */
export async function searchJobs(
  queries: Queries,
  search: JobSearch,
  limit: number,
  best: JobKey[],
): Promise<void> {
  const { startedBefore, startedAfter, finishedBefore, finishedAfter } = search.filter;
  const probe = new Probe(queries, search, limit, best);
  const started = {
    after: latest(startedAfter, finishedAfter),
    before: earliest(startedBefore, finishedBefore),
  };
  await probe.units('', started, finishedBefore);
  if (finishedAfter !== undefined && (startedAfter === undefined || startedAfter < finishedAfter)) {
    await probe.running(finishedAfter);
  }
  if (startedAfter === undefined && startedBefore === undefined) {
    await probe.units('n', { after: finishedAfter, before: finishedBefore });
  }
}

class Probe {
  readonly #queries: Queries;
  readonly #search: JobSearch;
  readonly #limit: number;
  readonly #best: JobKey[];

  constructor(queries: Queries, search: JobSearch, limit: number, best: JobKey[]) {
    this.#queries = queries;
    this.#search = search;
    this.#limit = limit;
    this.#best = best;
  }

  /** Jobs that started within the range, or, with the mark `n`, that ended within it without a start. */
  async units(mark: '' | 'n', range: Range, finishedBefore?: string): Promise<void> {
    if (range.after !== undefined && range.before !== undefined && range.after >= range.before) return;
    const known = await this.#known(mark);
    if (!known || (range.after !== undefined && range.after >= known.before)) return;
    const from = range.after === undefined ? known.from : latest(known.from, following(range.after))!;
    const before = { finished_at: finishedBefore };
    const pieces = [...cover(from, earliest(range.before, known.before)!)];
    for (let at = 0; at < pieces.length; at += AT_ONCE) {
      for (const piece of await this.#occupied(mark, pieces.slice(at, at + AT_ONCE))) {
        // Whatever is in this piece and those that follow was created before the piece's end.
        if (this.#isFull() && this.#best.at(-1)!.created_at >= piece.to) return;
        if (piece.unit) {
          const unit = [`${mark}${piece.unit}`];
          await this.#take(`${startedIn(piece.unit.length)} = ?`, unit, before, 'created_at');
        } else {
          const column = mark === '' ? 'started_at' : 'finished_at';
          const never = mark === '' ? '' : 'and started_at is null';
          await this.#take(`${column} >= ? and ${column} < ? ${never}`, [piece.from, piece.to], before);
        }
      }
    }
  }

  /** Of the pieces those that are parts of a minute, and the units that have a job from where the list begins. */
  async #occupied(mark: '' | 'n', pieces: Piece[]): Promise<Piece[]> {
    const found = new Set<string>();
    const begin = this.#beforeCursor('created_at');
    for (const length of [MONTH, DAY, HOUR, MINUTE]) {
      const units = pieces.flatMap(({ unit }) => (unit?.length === length ? [`${mark}${unit}`] : []));
      if (units.length === 0) continue;
      // As many each time, so that there are few different statements.
      const asked = Array.from({ length: AT_ONCE }, (_, index) => units[index] ?? '');
      const rows = await this.#all<{ unit: string }>(
        `select units.column1 as unit from (values ${asked.map(() => '(?)').join(', ')}) as units
         where exists (select 1 from jobs where service_id = ? and phase = ? and finished_at is not null
         and ${startedIn(length)} = units.column1 and ${begin.condition})`,
        [...asked, this.#search.serviceId, this.#search.phase, ...begin.parameters],
      );
      for (const { unit } of rows) found.add(unit);
    }
    return pieces.filter(({ unit }) => unit === undefined || found.has(`${mark}${unit}`));
  }

  /** Jobs that had started by an instant and ended after it, within the other bounds. */
  async running(at: string): Promise<void> {
    const { startedBefore, startedAfter = '', finishedBefore } = this.#search.filter;
    const { serviceId, phase, filter } = this.#search;
    const begin = this.#beforeCursor("coalesce(created_at, '')");
    const until = earliest(startedBefore, following(at))!;
    // One search for each unit: `in (...)` would not be taken for what the index begins with.
    const units = [...RUN_UNITS.map((length) => at.slice(0, length)), ''];
    const rows = await this.#all<JobKey>(
      `select created_at, id from (${units
        .map(
          () => `select created_at, id from jobs where service_id = ? and phase = ? and started_at is not null
          and finished_at is not null and ${RUN_WITHIN} = ? and started_at < ? and coalesce(started_at, '') > ?
          and coalesce(finished_at, '') > ? and coalesce(finished_at, '') < ? and ${begin.condition}`,
        )
        .join(' union all ')}) as runs order by created_at desc, id desc limit ?`,
      [
        ...units.flatMap((unit) => [
          ...[serviceId, phase, unit, until, startedAfter, at, finishedBefore ?? '9'],
          ...begin.parameters,
        ]),
        this.#limit,
      ],
    );
    keepNewest(
      this.#best,
      rows.filter((row) => row.created_at > (filter.createdAfter ?? '')),
      this.#limit,
    );
  }

  /** The days of the first and the last job that have the mark. */
  async #known(mark: '' | 'n'): Promise<{ from: string; before: string } | undefined> {
    const day = startedIn(DAY);
    const extreme = async (order: 'asc' | 'desc'): Promise<string | undefined> => {
      const [row] = await this.#all<{ day: string }>(
        `select ${day} as day from jobs where service_id = ? and phase = ? and finished_at is not null
         and ${day} ${mark === '' ? '<' : '>'} 'n' order by ${day} ${order} limit 1`,
        [this.#search.serviceId, this.#search.phase],
      );
      return row?.day.replace('n', '');
    };
    const first = await extreme('asc');
    if (first === undefined) return undefined;
    const last = parseMicros(`${await extreme('desc')}T00:00:00Z`);
    return { from: `${first}T00:00:00.000000Z`, before: formatMicros(last + 24 * 60 * MINUTE_MICROS) };
  }

  /** What started and ended where the condition says. @param before instants that the columns must come before */
  async #take(
    within: string,
    parameters: string[],
    before: Record<string, string | undefined>,
    created = "coalesce(created_at, '')",
  ): Promise<void> {
    const { serviceId, phase, filter } = this.#search;
    const { createdAfter = '' } = filter;
    const begin = this.#beforeCursor(created);
    const bounds = Object.entries(before).filter(([, instant]) => instant !== undefined);
    const rows = await this.#all<JobKey>(
      `select created_at, id from jobs where service_id = ? and phase = ? and finished_at is not null
       and ${within} ${bounds.map(([column]) => `and coalesce(${column}, '') < ?`).join(' ')}
       and ${begin.condition} order by created_at desc, id desc limit ?`,
      [
        serviceId,
        phase,
        ...parameters,
        ...bounds.map(([, instant]) => instant),
        ...begin.parameters,
        this.#limit,
      ],
    );
    const young = rows.filter((row) => row.created_at > createdAfter);
    if (young.length > 0) keepNewest(this.#best, young, this.#limit);
  }

  /** Where the list begins, as one bound: see `job-pages.ts`. */
  #beforeCursor(created: string): { condition: string; parameters: string[] } {
    const { after, filter } = this.#search;
    const { createdBefore = '9' } = filter;
    if (!after || after.createdAt >= createdBefore) {
      return { condition: `${created} < ?`, parameters: [createdBefore] };
    }
    return { condition: `(${created}, id) < (?, ?)`, parameters: [after.createdAt, after.id] };
  }

  #isFull(): boolean {
    return this.#best.length >= this.#limit;
  }

  async #all<T>(text: string, parameters: unknown[]): Promise<T[]> {
    return (await this.#queries.executeQuery<T>(CompiledQuery.raw(text, parameters))).rows;
  }
}

/** A stretch of time: a whole calendar unit, or a part of a minute. */
interface Piece {
  unit?: string;
  from: string;
  to: string;
}

/** The latest first: calendar units that together are the range, and the minutes of which it has a part. */
export function* cover(from: string, to: string): Generator<Piece> {
  if (from >= to) return;
  const begin = parseMicros(from);
  const end = parseMicros(to);
  const whole = { from: Math.ceil(begin / MINUTE_MICROS), to: Math.floor(end / MINUTE_MICROS) };
  if (whole.from > whole.to) return yield { from, to };
  if (end > whole.to * MINUTE_MICROS) yield { from: formatMicros(whole.to * MINUTE_MICROS), to };
  for (let minute = whole.to; minute > whole.from; ) {
    const { length, first } = largestUnit(minute, whole.from);
    const instant = formatMicros(first * MINUTE_MICROS);
    yield { unit: instant.slice(0, length), from: instant, to: formatMicros(minute * MINUTE_MICROS) };
    minute = first;
  }
  if (begin < whole.from * MINUTE_MICROS) yield { from, to: formatMicros(whole.from * MINUTE_MICROS) };
}

/** The largest unit that ends where the minute begins and does not begin before the other; minutes since the epoch. */
function largestUnit(end: number, earliestBegin: number): { length: number; first: number } {
  const date = new Date(end * 60_000);
  const month = Date.UTC(date.getUTCFullYear(), date.getUTCMonth() - 1) / 60_000;
  const day = 24 * 60;
  if (end % day === 0 && date.getUTCDate() === 1 && month >= earliestBegin)
    return { length: MONTH, first: month };
  if (end % day === 0 && end - day >= earliestBegin) return { length: DAY, first: end - day };
  if (end % 60 === 0 && end - 60 >= earliestBegin) return { length: HOUR, first: end - 60 };
  return { length: MINUTE, first: end - 1 };
}

/** The microsecond after an instant. */
const following = (instant: string | undefined): string | undefined =>
  instant === undefined ? undefined : formatMicros(parseMicros(instant) + 1);

export const latest = (...instants: (string | undefined)[]): string | undefined =>
  instants
    .filter((one) => one !== undefined)
    .sort()
    .at(-1);
export const earliest = (...instants: (string | undefined)[]): string | undefined =>
  instants.filter((one) => one !== undefined).sort()[0];
