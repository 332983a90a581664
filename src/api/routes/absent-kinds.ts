/** Kinds of resources that clients list and Errand does not run: there is none of them. */
import { notFound } from '../../errors.ts';
import type { OperationId } from '../contract-types.ts';
import { absentKinds, absentMetrics } from '../extension-operations.ts';
import type { OperationRegistry } from '../operations.ts';

export function absentKindRoutes(operations: OperationRegistry): void {
  for (const id of absentMetrics) operations.add(id satisfies OperationId, async () => []);
  for (const kind of absentKinds) {
    operations.add(`list-${kind}` satisfies OperationId, async () => []);
    operations.add(`retrieve-${kind}` satisfies OperationId, async ({ params }) => {
      throw notFound(Object.values(params)[0]!);
    });
  }
}
