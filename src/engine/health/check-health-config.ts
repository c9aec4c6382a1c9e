/** What Docker refuses of a health check at create. */
import { fail } from '#base/errors/failure.ts';
import type { HealthConfig } from '#schema/container-config.ts';

const millisecond = 1_000_000;

/** @throws container.health_duration_short, container.health_retries_negative */
export function checkHealthConfig(check: HealthConfig | undefined): void {
  if (check === undefined) return;
  for (const field of ['Interval', 'Timeout'] as const) refuseShort(field, check[field]);
  if ((check.Retries ?? 0) < 0) throw fail('container.health_retries_negative');
  for (const field of ['StartPeriod', 'StartInterval'] as const) refuseShort(field, check[field]);
}

function refuseShort(field: string, duration: number | undefined): void {
  if (duration !== undefined && duration !== 0 && duration < millisecond) throw fail('container.health_duration_short', { field });
}
