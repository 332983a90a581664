import type { InstalledErrand } from './errand.ts';
import type { Machine, MachineOptions } from './machine.ts';

/** What a scenario acts upon. All of a run act on the same machine, one after the other. */
export interface World {
  machine: Machine;
  errand: InstalledErrand;
  cgroups: MachineOptions['cgroups'];
}

export interface Scenario {
  /** A sentence about behaviour. */
  name: string;
  /** Whether all that come after it need it: they always run it, and none of them runs when it fails. */
  isFoundation?: boolean;
  /** @throws when it is not so */
  run(world: World): Promise<void>;
}
