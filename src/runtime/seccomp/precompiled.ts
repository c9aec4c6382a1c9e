/** Gives crun a ready seccomp program. */
import type { SeccompFilterCache } from '#kernel/seccomp-filter.ts';
import type { RuntimeSpecification } from '../specification/types.ts';

/** crun(1): the filter in base64, instead of what `linux.seccomp` says. Other runtimes ignore it. */
export const seccompProgramAnnotation = 'run.oci.seccomp_bpf_data';

/**
 * The specification for crun, with the program of its seccomp rules. The rules stay in it, so that a
 * runtime that does not know the annotation confines the container all the same.
 */
export function withSeccompProgram(specification: RuntimeSpecification, cache: SeccompFilterCache): RuntimeSpecification {
  const rules = specification.linux.seccomp;
  const program = rules === undefined ? undefined : cache.programFor(rules);
  if (program === undefined) return specification;
  return { ...specification, annotations: { ...specification.annotations, [seccompProgramAnnotation]: program } };
}
