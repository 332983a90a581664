/** Instance types: memory, CPU and price, by the contract's table. MB and GB are binary. */
import { invalid, quote } from '../errors.ts';

export interface InstanceType {
  id: string;
  name: string;
  /** The name by which services refer to it. */
  plan: string;
  family: 'crn' | 'srv';
  memoryBytes: number;
  cpuMillis: number;
  pids: number;
  /** Price of a month of 730 hours, in millionths of a dollar. */
  monthlyMicroUsd: number;
}

const MB = 2 ** 20;
const GB = 2 ** 30;
export const SECONDS_PER_MONTH = 730 * 3600;

type Row = [plan: string, name: string, memoryBytes: number, cpu: number, usd: number];
const ROWS: Row[] = [
  ['starter', 'Starter', 512 * MB, 0.5, 7],
  ['standard', 'Standard', 2 * GB, 1, 25],
  ['pro', 'Pro', 4 * GB, 2, 85],
  ['pro_plus', 'Pro Plus', 8 * GB, 4, 175],
  ['pro_max', 'Pro Max', 16 * GB, 4, 225],
  ['pro_ultra', 'Pro Ultra', 32 * GB, 8, 450],
];
const IDS: Record<InstanceType['family'], Record<string, string>> = {
  crn: {
    starter: 'plan-crn-003',
    standard: 'plan-crn-005',
    pro: 'plan-crn-007',
    pro_plus: 'plan-crn-008',
  },
  srv: {
    starter: 'plan-srv-006',
    standard: 'plan-srv-008',
    pro: 'plan-srv-010',
    pro_plus: 'plan-srv-011',
    pro_max: 'plan-srv-013',
    pro_ultra: 'plan-srv-014',
  },
};

/** All instance types, smallest first within a family. */
export const instanceTypes: readonly InstanceType[] = (['crn', 'srv'] as const).flatMap((family) =>
  ROWS.flatMap(([plan, name, memoryBytes, cpu, usd]) => {
    const id = IDS[family][plan];
    if (!id) return [];
    // Threads count too: a toolchain needs hundreds, a fork bomb must stay harmless.
    const pids = Math.max(512, Math.min(4096, Math.round(memoryBytes / MB)));
    return [
      { id, name, plan, family, memoryBytes, cpuMillis: cpu * 1000, pids, monthlyMicroUsd: usd * 1_000_000 },
    ];
  }),
);

/** By its id. */
export function findInstanceType(id: string): InstanceType | undefined {
  return instanceTypes.find((type) => type.id === id);
}

/** Plans of services that have no row of their own count as the nearest that has. */
const SAME_AS: Record<string, string> = {
  free: 'starter',
  custom: 'starter',
  starter_plus: 'starter',
  starter_legacy: 'starter',
  standard_plus: 'standard',
  standard_legacy: 'standard',
  standard_plus_legacy: 'standard',
  pro_legacy: 'pro',
  pro_plus_legacy: 'pro_plus',
};

/**
 * The instance type of a job.
 * @param family cron jobs have types of their own
 * @param requested an id or a plan's name; '' and undefined mean: the base service's
 * @param servicePlan the base service's plan
 * @throws `invalidRequest` with the list of what would be accepted
 */
export function resolveInstanceType(
  family: InstanceType['family'],
  requested: string | undefined,
  servicePlan: string,
): InstanceType {
  const accepted = instanceTypes.filter((type) => type.family === family);
  if (requested) {
    const wanted = requested.toLowerCase().replaceAll(/[ -]/g, '_');
    const found = accepted.find((type) => type.id === requested || type.plan === wanted);
    if (found) return found;
    const list = accepted.map((type) => `${type.id} (${type.plan})`).join(', ');
    const kind = family === 'crn' ? 'a cron job' : 'this type of service';
    throw invalid(`planId ${quote(requested)} is not an instance type for ${kind}; accepted: ${list}`);
  }
  const plan = SAME_AS[servicePlan] ?? servicePlan;
  // The largest type of the family where the service's plan is beyond it.
  return accepted.find((type) => type.plan === plan) ?? accepted.at(-1)!;
}

/** The cost of a run, in millionths of a dollar. @param seconds whole seconds, a begun one counted */
export function costMicroUsd(planId: string, seconds: number): number {
  const type = findInstanceType(planId);
  return type ? Math.round((type.monthlyMicroUsd * seconds) / SECONDS_PER_MONTH) : 0;
}
