/** Whether systemd runs this host. */
import { hasSystemd } from '../executors/local/jobs-scope.ts';
import { findProgram, run } from '../executors/local/runtime.ts';
import { type Check, ok } from './check.ts';

export const systemd: Check = {
  id: 'systemd',
  name: 'systemd',
  essential: false,
  look() {
    if (!hasSystemd()) return ok('does not run this host; start the server by what does');
    const program = findProgram('systemctl');
    const version = program ? run(program, ['--version']).split('\n', 1)[0] : 'systemd, without systemctl';
    return ok(version!);
  },
};
